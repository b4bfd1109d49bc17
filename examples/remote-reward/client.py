"""Ask a reward server about pictures, without genrl: Python 3.8 or newer and Pillow.

python client.py http://127.0.0.1:8100 "a red circle" one.png two.jpg
"""

import base64
import io
import json
import sys
import urllib.request

from PIL import Image


def sample(prompt, path):
    file = io.BytesIO()
    Image.open(path).convert("RGB").save(file, format="PNG")
    return {"prompt": prompt, "image": base64.b64encode(file.getvalue()).decode()}


def ask(url, prompt, paths):
    """One entry a picture: a number, None where the reward does not apply, {"failed": "why"} where it has none."""
    body = {"schema_version": 1, "encoding": "png", "samples": [sample(prompt, path) for path in paths]}
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url + "/score", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["scores"]


if __name__ == "__main__":
    url, prompt, *paths = sys.argv[1:]
    for path, score in zip(paths, ask(url, prompt, paths)):  # noqa: B905
        print(score, path)
