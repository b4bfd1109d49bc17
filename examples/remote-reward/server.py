"""A reward server without genrl: Python 3.8 or newer, Pillow, and your reward with whatever it pins.

python server.py 8100
"""

import base64
import io
import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

from PIL import Image

HEALTH = {"name": "brightness", "version": "1", "bounds": [0, 1], "media": "pil", "max_batch": 32}


def score(prompts, pictures):
    """Your reward: for each picture a finite number, None where it does not apply, or {"failed": "why"}."""
    return [picture.convert("L").resize((1, 1), Image.Resampling.BOX).getpixel((0, 0)) / 255 for picture in pictures]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.reply(200, HEALTH) if self.path == "/health" else self.reply(404, {"error": "there is /health"})

    def do_POST(self):
        try:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            files = [base64.b64decode(sample["image"]) for sample in request["samples"]]
            pictures = [Image.open(io.BytesIO(file), formats=["PNG", "WEBP", "JPEG"]).convert("RGB") for file in files]
            prompts = [sample["prompt"] for sample in request["samples"]]
        except (KeyError, TypeError, ValueError, OSError) as error:
            return self.reply(422, {"error": repr(error)})
        self.reply(200, {"scores": score(prompts, pictures)})

    def reply(self, status, answer):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())


if __name__ == "__main__":
    HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()  # one request at a time, as one GPU wants it
