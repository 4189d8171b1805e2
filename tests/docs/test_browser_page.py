"""docs/browser.md shows the code of the example page, and the request that it explains is a valid one."""

import json
import math
import re

from api.accounts.upload_tokens import UploadTokenRequest
from tasks.settings.limits import LimitSettings
from tools.documents import ROOT

PAGE = (ROOT / "docs" / "browser.md").read_text(encoding="utf-8")
SCRIPTS = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "examples" / "browser").glob("*.js")}
SCRIPT = "".join(SCRIPTS.values())


def test_its_javascript_is_that_of_the_example() -> None:
    blocks = re.findall(r"```js\n(.*?)```", PAGE, flags=re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    assert len(lines) > 6
    assert [line for line in lines if line not in SCRIPT] == []


def test_a_part_of_the_example_is_no_smaller_than_the_server_takes() -> None:
    [factors] = re.findall(r"const PART = ([\d *]+);", SCRIPTS["resumable.js"])
    assert math.prod(map(int, factors.split("*"))) >= LimitSettings().min_upload_part_bytes


def test_the_request_that_it_shows_is_valid_and_its_table_has_every_field() -> None:
    [body] = re.findall(r"--json '(\{.*?\})'", PAGE, flags=re.DOTALL)
    UploadTokenRequest.model_validate(json.loads(body))
    table = PAGE.partition("| field | meaning |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\|([^|]+)\|", table, flags=re.MULTILINE)))) == set(
        UploadTokenRequest.model_fields
    )


def test_the_example_has_no_secret_and_runs_under_a_strict_policy() -> None:
    html = (ROOT / "examples" / "browser" / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"<script(?![^>]* src=)|<style|\son\w+=|style=", html)
    assert "eval(" not in SCRIPT
    assert "innerHTML" not in SCRIPT
    assert "pr_live_" not in SCRIPT + html
