"""An SMTP server that keeps what it is given, with TLS and a password where the test wants them."""

import base64
import socketserver
import ssl

from support.threaded_server import ThreadedServer


class MailServer(ThreadedServer):
    """`tls`: None, `starttls` or `tls`, with `certificate` (a PEM file with its key). `answers`: what it says to the
    end of a mail, the last one from then on. `mails`: (from, [to], text, whether over TLS, (user, password))."""

    def __init__(self, tls=None, certificate=None, password=None, answers=("250 taken",)):
        self.mails = []
        self.answers = list(answers)
        context = None
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
        outer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                try:
                    self.serve()
                except (OSError, ValueError):
                    pass  # a client that went away, or did not trust the certificate
                finally:
                    self.request.close()

            def say(self, text):
                self.request.sendall(text.encode() + b"\r\n")

            def serve(self):
                self.request.settimeout(20)
                secure = tls == "tls"
                if secure:
                    self.request = context.wrap_socket(self.request, server_side=True)
                self.say("220 mail")
                user = sender = None
                to = []
                lines = self.request.makefile("rb")
                while line := lines.readline():
                    words = line.decode().strip()
                    verb = words.split(" ")[0].upper()
                    if verb in ("EHLO", "HELO"):
                        extras = ["250-mail"]
                        if tls == "starttls" and not secure:
                            extras.append("250-STARTTLS")
                        elif password:
                            extras.append("250-AUTH PLAIN")
                        self.say("\r\n".join([*extras, "250 HELP"]))
                    elif verb == "STARTTLS":
                        self.say("220 go")
                        self.request = context.wrap_socket(self.request, server_side=True)
                        lines = self.request.makefile("rb")
                        secure = True
                    elif verb == "AUTH":
                        given = words.split(" ")[2] if len(words.split(" ")) > 2 else None
                        if given is None:
                            self.say("334 ")
                            given = lines.readline().decode().strip()
                        user = tuple(base64.b64decode(given).decode().split("\0")[1:])
                        self.say("235 in" if user[1] == password else "535 no")
                    elif verb == "MAIL":
                        sender, to = words, []
                        self.say("250 ok")
                    elif verb == "RCPT":
                        to.append(words)
                        self.say("250 ok")
                    elif verb == "DATA":
                        self.say("354 go")
                        text = b""
                        while (line := lines.readline()) != b".\r\n":
                            text += line
                        answer = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                        outer.mails.append((sender, to, text.decode(), secure, user))
                        self.say(answer)
                    elif verb == "QUIT":
                        return self.say("221 bye")
                    else:
                        self.say("250 ok")

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

        super().__init__(Server, Handler)
