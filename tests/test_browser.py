"""The article page and the desk in a real browser, against the real service and a real PostgreSQL."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, Locator, Page, async_playwright, expect

from service import commands
from service.model import Policy, Rule, Rules, WindowRule, WordsRule
from service.settings import Settings
from tests import chromium
from tests.conftest import SECRET

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from playwright.async_api import ConsoleMessage, Route

    from tests.conftest import Service

    Open = Callable[..., Awaitable[Page]]

ARTICLE = "demo:harbour-bridge"
PASSWORD = "three hundred"
DOCS = Path(__file__).parents[1] / "docs"
POLICY = Policy(
    rules=Rules(
        flood=WindowRule(limit=10_000),
        reject_words=WordsRule(action="reject", words=("vuvuzela",)),
        hold_words=WordsRule(words=("tollbooth", "council")),
        shouting=Rules().shouting,
        contact_details=Rule(),
    )
)

expect.set_options(timeout=15_000)


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium.executable())
        yield browser
        await browser.close()


@pytest.fixture
async def complaints() -> AsyncIterator[list[str]]:
    """What the pages threw or wrote to the console; an answer that is no success is the browser's own note."""
    found: list[str] = []
    yield found
    assert found == []


@pytest.fixture
async def open_page(browser: Browser, service: Service, complaints: list[str]) -> Open:
    """Open an address, or none yet, in a browser of its own, at the service's time."""

    async def opening(path: str = "/", *, frozen: bool = False, **options: Any) -> Page:
        context = await browser.new_context(locale="en-GB", **options)
        page = await context.new_page()
        if frozen:
            await page.clock.install(time=service.clock.now())
        else:
            await page.clock.set_fixed_time(service.clock.now())

        def note(message: ConsoleMessage) -> None:
            if message.type in {"error", "warning"} and not message.text.startswith("Failed to load resource"):
                complaints.append(message.text)

        page.on("console", note)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        if path:
            await page.goto(path if path.startswith("http") else service.origin + path)
        return page

    return opening


@pytest.fixture
async def service(service: Service) -> Service:
    """The service with a policy that a test can foresee, and two moderators."""
    await commands.set_policy(service.url, "default", POLICY)
    for name in ("Maria", "Jonas"):
        await commands.add_moderator(service.url, Settings(secret=SECRET), "default", name, PASSWORD)
    return service


class Composer:
    """What a reader sees of the comments."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.text = page.get_by_label("Your comment")
        self.name = page.get_by_label("Name (optional)")
        self.left = page.locator("[part=left]")
        self.status = page.locator("form [role=status]")
        self.count = page.locator("[part=count]")
        self.comments = page.locator("[part=comment]")
        self.send = page.get_by_role("button", name="Post comment")

    async def post(self, text: str, name: str = "") -> None:
        await self.text.fill(text)
        if name:
            await self.name.fill(name)
        await self.send.click()


async def stored(service: Service, page: str = ARTICLE) -> list[str]:
    answer = await service.ask("GET", "/v1/comments", params={"page": page})
    return [comment["body"] for comment in answer.json["comments"]]


async def let_time_pass(page: Page, place: Locator, text: str) -> None:
    """Move the page's clock until a place says something."""
    for _ in range(60):
        if text in await place.inner_text():
            return
        await page.clock.run_for(500)
    pytest.fail(f"never said: {text}")


async def test_an_approved_comment_is_shown_at_once_and_counted_everywhere(open_page: Open, service: Service) -> None:
    await service.post("The first one.", ARTICLE)
    page = await open_page()
    reader = Composer(page)
    byline = page.locator(".byline .count")
    await expect(byline).to_have_text("1 comment")
    await expect(reader.count).to_have_text("1")

    await reader.post("Four minutes instead of forty.", "Ilse")

    await expect(reader.status).to_have_text("Your comment is published.")
    await expect(reader.comments.first).to_contain_text("Ilse")
    await expect(reader.comments.first).to_contain_text("Four minutes instead of forty.")
    await expect(reader.comments).to_have_count(2)
    await expect(reader.count).to_have_text("2")
    await expect(byline).to_have_text("2 comments")
    await expect(reader.text).to_have_value("")
    await expect(reader.name).to_have_value("Ilse")
    assert await page.evaluate("Object.keys(localStorage)") == ["trecento name"]
    assert await service.count(ARTICLE) == 2


async def test_a_held_comment_says_that_it_waits_and_why_and_is_not_counted(open_page: Open, service: Service) -> None:
    page = await open_page()
    reader = Composer(page)
    await reader.post("Who staffs the tollbooth?")
    await expect(reader.status).to_contain_text("A moderator reads your comment before it appears.")
    await expect(reader.status).to_contain_text("“tollbooth”")
    await expect(reader.comments.first).to_contain_text("waits for a moderator")
    await expect(reader.count).to_have_text("0")
    await expect(reader.text).to_have_value("")
    await page.reload()
    await expect(page.get_by_text("No comments yet.")).to_be_visible()
    assert await service.count(ARTICLE) == 0


async def test_a_rejected_comment_says_why_and_stays_in_the_box(open_page: Open, service: Service) -> None:
    page = await open_page()
    reader = Composer(page)
    await reader.post("Bring a vuvuzela!")
    await expect(reader.status).to_contain_text("breaks a rule of this site")
    await expect(reader.status).to_contain_text("“vuvuzela”")
    await expect(reader.text).to_have_value("Bring a vuvuzela!")
    await expect(reader.comments).to_have_count(0)
    await reader.post("Bring a bell!")
    await expect(reader.status).to_have_text("Your comment is published.")
    assert await stored(service) == ["Bring a bell!"]


async def test_the_same_comment_again_is_refused_in_words(open_page: Open) -> None:
    reader = Composer(await open_page())
    await reader.post("I counted.")
    await expect(reader.status).to_have_text("Your comment is published.")
    await reader.post("I counted.")
    await expect(reader.status).to_contain_text("You have written this comment already.")
    await expect(reader.text).to_have_value("I counted.")
    await expect(reader.comments).to_have_count(1)


async def test_the_counter_counts_down_by_the_services_rule_and_blocks_what_is_too_long(
    open_page: Open, service: Service
) -> None:
    page = await open_page()
    reader = Composer(page)
    await expect(reader.left).to_have_text("300")
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    await reader.text.fill(f"  a\n\n\n\ne\u0301{family}\u200b ")
    await expect(reader.left).to_have_text(str(300 - len(f"a\n\né{family}")))
    await reader.text.fill("x" * 302)
    await expect(reader.left).to_have_text("-2")
    await expect(reader.text).to_have_attribute("aria-invalid", "true")

    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method) if request.method == "POST" else None)
    await reader.send.click()
    await expect(reader.status).to_have_text("This is too long.")
    await reader.text.fill(" \u200b ")
    await reader.send.click()
    await expect(reader.status).to_have_text("Write something first.")
    assert sent == []

    await reader.post("\U0001f600" * 300)
    await expect(reader.status).to_have_text("Your comment is published.")
    assert await stored(service) == ["\U0001f600" * 300]


async def test_a_draft_survives_a_reload_with_its_name_and_whom_it_answers(open_page: Open, service: Service) -> None:
    await service.post("Who pays?", ARTICLE, author={"name": "Odum"})
    page = await open_page()
    reader = Composer(page)
    await page.get_by_role("button", name="Reply").click()
    await expect(reader.text).to_be_focused()
    await page.keyboard.type("All of us, ")
    await reader.name.fill("Noor")

    await page.reload()

    await expect(reader.text).to_have_value("All of us, ")
    await expect(reader.name).to_have_value("Noor")
    await expect(page.get_by_text("Reply to Odum")).to_be_visible()
    await reader.text.press_sequentially("slowly.")
    await page.keyboard.press("Control+Enter")
    await expect(reader.comments.first.locator("ol [part=comment]")).to_contain_text("All of us, slowly.")
    await expect(page.get_by_text("Reply to Odum")).to_be_hidden()


async def test_when_the_service_is_away_the_text_stays_and_a_retry_stores_it_once(
    open_page: Open, service: Service
) -> None:
    page = await open_page(frozen=True)
    reader = Composer(page)
    await expect(reader.count).to_have_text("0")
    keys: list[str | None] = []
    tries: list[str] = ["no way there", "no way there", "no way there", "no answer", "answer"]

    async def fail(route: Route) -> None:
        if route.request.method != "POST":
            await route.continue_()
            return
        keys.append(await route.request.header_value("Idempotency-Key"))
        way = tries.pop(0)
        if way == "no way there":
            await route.abort()
        elif way == "no answer":
            await route.fetch()
            await route.abort()
        else:
            await route.continue_()

    await page.route("**/v1/comments", fail)
    await reader.post("Four minutes.")
    await expect(reader.status).to_have_text("No connection. Trying again …")
    await let_time_pass(page, reader.status, "Your text is kept")
    await expect(reader.text).to_have_value("Four minutes.")

    await page.reload()
    await expect(reader.text).to_have_value("Four minutes.")
    await reader.send.click()
    await expect(reader.status).to_have_text("No connection. Trying again …")
    assert await stored(service) == ["Four minutes."]
    await let_time_pass(page, reader.status, "Your comment is published.")
    assert await stored(service) == ["Four minutes."]
    assert len(set(keys)) == 1
    assert tries == []


async def test_when_comments_cannot_be_loaded_the_reader_can_ask_again(open_page: Open, service: Service) -> None:
    await service.post("The first one.", ARTICLE)
    page = await open_page("")
    await page.route("**/v1/comments?*", lambda route: route.abort())
    await page.goto(service.origin)
    reader = Composer(page)
    await expect(page.get_by_text("The comments could not be loaded.")).to_be_visible()
    await reader.text.fill("Still here.")
    await page.unroute_all()
    await page.get_by_role("button", name="Try again").click()
    await expect(reader.comments).to_have_count(1)
    await expect(page.get_by_text("The comments could not be loaded.")).to_be_hidden()
    await expect(reader.text).to_have_value("Still here.")


async def test_a_reply_can_be_called_off(open_page: Open, service: Service) -> None:
    await service.post("Who pays?", ARTICLE, author={"name": "Odum"})
    page = await open_page()
    reader = Composer(page)
    await page.get_by_role("button", name="Reply").click()
    await expect(page.get_by_text("Reply to Odum")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_text("Reply to Odum")).to_be_hidden()
    await page.get_by_role("button", name="Reply").click()
    await page.get_by_role("button", name="Cancel").click()
    await reader.post("All of us.")
    await expect(reader.status).to_have_text("Your comment is published.")
    await expect(page.locator("[part=list] > [part=comment]")).to_have_count(2)


async def test_the_scripts_send_no_cookies(open_page: Open, service: Service) -> None:
    page = await open_page("")
    await page.context.add_cookies([{"name": "newspaper", "value": "secret", "url": service.origin}])
    async with (
        page.expect_request("**/v1/counts*") as counts,
        page.expect_request("**/v1/comments?*") as thread,
    ):
        await page.goto(service.origin)
    async with page.expect_request("**/v1/comments") as posted:
        await Composer(page).post("Hello.")
    for request in (await counts.value, await thread.value, await posted.value):
        assert "cookie" not in await request.all_headers()


async def test_what_readers_write_is_text_and_nothing_else(open_page: Open) -> None:
    page = await open_page()
    reader = Composer(page)
    written = "<img src=x onerror=\"document.title='broken'\"> &amp; <script>document.title='broken'</script>"
    await reader.post(written, '<b>Bo"ld</b>')
    await expect(reader.comments.first.locator("p")).to_have_text(written)
    await expect(reader.comments.first.locator("header b")).to_have_text('<b>Bo"ld</b>')
    await page.reload()
    await expect(reader.comments.first.locator("p")).to_have_text(written)
    assert "broken" not in await page.title()


async def test_more_comments_come_when_asked_for_and_answers_move_under_what_they_answer(
    open_page: Open, service: Service
) -> None:
    asked = (await service.post("The oldest of all.", ARTICLE)).json["id"]
    for number in range(54):
        service.clock.advance(60)
        await service.post(f"Number {number}.", ARTICLE, parent=asked if number == 53 else None)
    page = await open_page()
    reader = Composer(page)
    await expect(reader.comments).to_have_count(50)
    await expect(reader.comments.first).to_contain_text("Number 53.")
    await page.get_by_role("button", name="Show more comments").click()
    await expect(reader.comments).to_have_count(55)
    await expect(page.get_by_role("button", name="Show more comments")).to_be_hidden()
    await expect(page.locator("[part=list] > [part=comment]")).to_have_count(54)
    await expect(page.locator("[part=comment] [part=comment]")).to_contain_text("Number 53.")
    await expect(reader.count).to_have_text("55")


@asynccontextmanager
async def newspaper(body: str, policy: str | None = None) -> AsyncIterator[str]:
    """Serve one page from an origin of its own, and give its address."""

    async def page(_request: web.Request) -> web.Response:
        headers = {"Content-Security-Policy": policy} if policy else {}
        html = f"<!doctype html><html lang=en><title>News</title><link rel=icon href='data:,'><body>{body}"
        return web.Response(text=html, content_type="text/html", headers=headers)

    application = web.Application()
    application.router.add_get("/{any:.*}", page)
    server = TestServer(application)
    await server.start_server()
    try:
        yield str(server.make_url("/")).rstrip("/")
    finally:
        await server.close()


async def test_a_page_of_another_origin_may_read_and_also_write_once_it_is_allowed(
    open_page: Open, service: Service
) -> None:
    script = f"<script src='{service.origin}/embed.js' data-page='elsewhere' async></script>"
    await service.post("Written before.", "elsewhere")
    async with newspaper(script) as origin:
        page = await open_page(f"{origin}/article")
        reader = Composer(page)
        await expect(reader.comments).to_have_count(1)
        await reader.post("From elsewhere.")
        await expect(reader.status).to_contain_text("Pages of this origin may not write comments here.")
        await expect(reader.text).to_have_value("From elsewhere.")

        await commands.add_site(service.url, "default", [origin])
        service.clock.advance(60)
        await reader.send.click()
        await expect(reader.status).to_have_text("Your comment is published.")
    assert await stored(service, "elsewhere") == ["From elsewhere.", "Written before."]


async def test_the_scripts_work_under_a_strict_policy_and_in_another_language(
    open_page: Open, service: Service
) -> None:
    body = f"""
        <p lang="de"><script src="{service.origin}/embed.js" data-text-send="Abschicken" async></script></p>
        <a href="/article" data-trecento-count data-one="ein Kommentar">Kommentare</a>
        <script src="{service.origin}/count.js" async></script>"""
    policy = f"default-src 'none'; script-src {service.origin}; connect-src {service.origin}; img-src data:"
    async with newspaper(body, policy) as origin:
        await commands.add_site(service.url, "default", [origin])
        service.clock.advance(60)
        page = await open_page(f"{origin}/article?utm_source=letter#top")
        await expect(page.get_by_role("heading", name="Kommentare 0")).to_be_visible()
        await page.get_by_label("Ihr Kommentar").fill("Endlich.")
        send = page.get_by_role("button", name="Abschicken")
        assert await send.evaluate("node => getComputedStyle(node).cursor") == "pointer"
        await send.click()
        await expect(page.get_by_text("Ihr Kommentar ist veröffentlicht.")).to_be_visible()
        await expect(page.locator("a")).to_have_text("ein Kommentar")
        assert await stored(service, f"{origin}/article") == ["Endlich."]


async def test_the_element_tells_the_page_what_happens_and_follows_its_attribute(
    open_page: Open, service: Service
) -> None:
    await service.post("On the second page.", "second")
    body = f"""<trecento-comments data-page="first"></trecento-comments>
        <script src="{service.origin}/embed.js" async></script>"""
    async with newspaper(body) as origin:
        await commands.add_site(service.url, "default", [origin])
        service.clock.advance(60)
        page = await open_page("")
        await page.add_init_script(
            """window.heard = [];
            for (const name of ["trecento:ready", "trecento:comment"])
              document.addEventListener(name, ({ type, detail: { page, count, comment } }) =>
                heard.push([type, page, count, comment?.body ?? null]));"""
        )
        await page.goto(origin)
        reader = Composer(page)
        await expect(reader.count).to_have_text("0")
        await reader.post("Hello.")
        await expect(reader.comments).to_have_count(1)
        await page.locator("trecento-comments").evaluate("node => { node.dataset.page = 'second' }")
        await expect(reader.comments).to_contain_text("On the second page.")
        await expect(page.locator("trecento-comments")).to_have_count(1)
        await page.locator("trecento-comments").evaluate("node => node.destroy()")
        await expect(page.locator("trecento-comments")).to_have_count(0)
        assert await page.evaluate("heard") == [
            ["trecento:ready", "first", 0, None],
            ["trecento:comment", "first", 1, "Hello."],
            ["trecento:ready", "second", 1, None],
        ]


async def test_counts_come_a_hundred_at_a_time_and_for_what_is_added_later(open_page: Open, service: Service) -> None:
    await service.post("One.", "page-007")
    await service.post("Later.", "later")
    marks = "".join(f"<i data-trecento-count='page-{number:03}'>?</i>" for number in range(120, 0, -1))
    script = f"<script src='{service.origin}/count.js' data-other='{{count}} voices' data-one='a voice' async></script>"
    async with newspaper(f"{marks}{script}") as origin:
        page = await open_page("")
        requests: list[str] = []
        page.on("request", lambda request: requests.append(request.url) if "/v1/counts" in request.url else None)
        await page.goto(origin)
        await expect(page.get_by_text("0 voices")).to_have_count(119)
        await expect(page.get_by_text("a voice")).to_have_count(1)
        assert sorted(url.count("page=") for url in requests) == [20, 100]
        assert all(url == "&".join(sorted(url.split("&"))) for url in (url.partition("?")[2] for url in requests))

        await page.evaluate(
            """() => {
              const later = document.createElement("b");
              later.dataset.trecentoCount = "later";
              document.body.append(later);
            }"""
        )
        await expect(page.locator("b")).to_have_text("a voice")
        assert len(requests) == 3


async def test_a_count_that_cannot_be_had_leaves_the_page_as_it_was_printed(open_page: Open, service: Service) -> None:
    body = f"<i data-trecento-count='a'>Join in</i><script src='{service.origin}/count.js' async></script>"
    async with newspaper(body) as origin:
        page = await open_page("")
        answers = [(503, "{}"), (200, "no JSON"), (200, "{}")]

        async def answer(route: Route) -> None:
            status, body = answers.pop()
            await route.fulfill(status=status, body=body, headers={"Access-Control-Allow-Origin": "*"})

        await page.route("**/v1/counts*", answer)
        while answers:
            async with page.expect_response("**/v1/counts*") as response:
                await page.goto(origin)
            await (await response.value).finished()
            await expect(page.locator("i")).to_have_text("Join in")


async def test_every_popular_article_opens_with_its_own_comments(open_page: Open, service: Service) -> None:
    await service.post("I want to ride her.", "demo:ferry")
    page = await open_page()
    aside = page.get_by_role("complementary")
    await expect(aside.get_by_role("listitem")).to_have_count(5)
    await expect(aside.get_by_role("listitem").first).to_contain_text("1 comment")
    await aside.get_by_role("link", name="Last ferry").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Last ferry leaves at dusk")
    await expect(page.locator("[part=comment]")).to_contain_text("I want to ride her.")
    await expect(page.locator(".byline .count")).to_have_text("1 comment")


async def sign_in(page: Page, name: str = "Maria", password: str = PASSWORD) -> None:
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Name").fill(name)
    await dialog.get_by_label("Password").fill(password)
    await dialog.get_by_role("button", name="Sign in").click()


class DeskPage:
    """What a moderator sees."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.waiting = page.locator("#waiting")
        self.list = page.locator("#list li")
        self.detail = page.get_by_role("article", name="Selected comment")
        self.said = page.locator("#said")


async def statuses(sql: Any) -> dict[str, str]:
    return {row["body"]: row["status"] for row in await sql.fetch("select body, status from comments")}


async def test_a_moderator_signs_in_and_decides_by_key_and_by_mouse_and_undoes(
    open_page: Open, service: Service, sql: Any
) -> None:
    for text in ("The tollbooth again.", "A tollbooth, still.", "What does the council say?"):
        await service.post(text, ARTICLE)
        service.clock.advance(60)
    page = await open_page("/desk?sort=oldest")
    desk = DeskPage(page)
    await sign_in(page, password="wrong")
    await expect(page.get_by_role("alert")).to_have_text("No moderator of this site has this name and password.")
    await sign_in(page)

    await expect(desk.waiting).to_have_text("3")
    await expect(desk.list).to_have_count(3)
    await expect(desk.detail.locator(".body mark")).to_have_text("tollbooth")
    await expect(desk.detail).to_contain_text("Words this site holds")

    await page.keyboard.press("a")
    await expect(desk.said).to_have_text("Approved: “The tollbooth again.”")
    await expect(desk.waiting).to_have_text("2")
    await expect(desk.detail.locator(".body")).to_have_text("A tollbooth, still.")
    assert await service.count(ARTICLE) == 1

    await desk.detail.get_by_role("button", name="Reject").click()
    await expect(desk.said).to_have_text("Rejected: “A tollbooth, still.”")
    await expect(desk.list).to_have_count(1)
    assert await statuses(sql) == {
        "The tollbooth again.": "approved",
        "A tollbooth, still.": "rejected",
        "What does the council say?": "held",
    }

    await page.keyboard.press("u")
    await expect(desk.said).to_have_text("Undone: “A tollbooth, still.” is waiting again.")
    await expect(desk.detail.locator(".body")).to_have_text("A tollbooth, still.")
    await page.get_by_role("button", name="Undo").click()
    await expect(desk.waiting).to_have_text("3")
    assert set((await statuses(sql)).values()) == {"held"}
    assert await service.count(ARTICLE) == 0

    await page.keyboard.press("u")
    await expect(desk.said).to_have_text("There is nothing to undo.")


async def test_a_key_held_down_decides_once_and_one_typed_into_a_field_not_at_all(
    open_page: Open, service: Service, sql: Any
) -> None:
    for text in ("One tollbooth.", "Two tollbooths: tollbooth.", "Three, council."):
        await service.post(text, ARTICLE)
    page = await open_page("/desk")
    desk = DeskPage(page)
    await sign_in(page)
    await expect(desk.list).to_have_count(3)
    await page.keyboard.press("n")
    await page.keyboard.type("arx, as agreed")
    await expect(page.get_by_label("Note for the history")).to_have_value("arx, as agreed")
    await page.keyboard.press("Escape")
    await page.keyboard.down("x")
    await expect(desk.list).to_have_count(2)
    await expect(desk.said).to_contain_text("Removed")
    await page.keyboard.down("x")
    await page.keyboard.down("x")
    await page.keyboard.up("x")
    await page.keyboard.press("h")
    await expect(desk.detail.locator("details")).to_have_attribute("open", "")
    await expect(desk.list).to_have_count(2)
    assert sorted((await statuses(sql)).values()) == ["held", "held", "removed"]

    await page.get_by_role("button", name="Removed").click()
    await expect(desk.list).to_have_count(1)
    await expect(desk.detail.locator("details li").first).to_contain_text("Maria waiting → removed")
    await expect(desk.detail.locator("q")).to_have_text("arx, as agreed")


async def test_the_second_of_two_moderators_sees_who_was_faster_and_overwrites_nothing(
    open_page: Open, service: Service, sql: Any
) -> None:
    await service.post("The tollbooth again.", ARTICLE)
    first, second = await open_page("/desk"), await open_page("/desk")
    await sign_in(first, "Maria")
    await sign_in(second, "Jonas")
    await expect(DeskPage(first).list).to_have_count(1)
    await expect(DeskPage(second).list).to_have_count(1)
    await first.keyboard.press("r")
    await expect(DeskPage(first).said).to_contain_text("Rejected")

    await second.keyboard.press("a")

    desk = DeskPage(second)
    await expect(desk.detail.get_by_role("alert")).to_contain_text("Maria was faster: rejected at")
    await expect(desk.detail.get_by_role("alert")).to_contain_text("The comment is now rejected.")
    await expect(desk.detail.locator(".chip")).to_have_text("rejected")
    assert await statuses(sql) == {"The tollbooth again.": "rejected"}

    await second.keyboard.press("a")
    await expect(desk.said).to_contain_text("Approved")
    assert await statuses(sql) == {"The tollbooth again.": "approved"}
    await first.keyboard.press("u")
    await expect(DeskPage(first).detail.get_by_role("alert")).to_contain_text("Jonas was faster: approved at")
    assert await statuses(sql) == {"The tollbooth again.": "approved"}


async def test_when_the_session_ends_the_place_is_kept_and_no_decision_is_sent_unseen(
    open_page: Open, service: Service, sql: Any
) -> None:
    for text in ("One tollbooth.", "The council.", "A tollbooth more."):
        await service.post(text, ARTICLE)
        service.clock.advance(60)
    page = await open_page("/desk?sort=oldest")
    desk = DeskPage(page)
    await sign_in(page)
    await expect(desk.list).to_have_count(3)
    await page.keyboard.press("j")
    await page.get_by_label("Note for the history").fill("kept")
    await page.keyboard.press("Escape")
    service.clock.advance(13 * 3600)

    await page.keyboard.press("a")

    await expect(page.get_by_role("dialog")).to_contain_text("Your session has ended.")
    assert set((await statuses(sql)).values()) == {"held"}
    await sign_in(page)
    await expect(desk.said).to_contain_text("press it once more")
    await expect(desk.detail.locator(".body")).to_have_text("The council.")
    await expect(page.get_by_label("Note for the history")).to_have_value("kept")
    await page.keyboard.press("a")
    await expect(desk.said).to_contain_text("Approved")
    assert (await statuses(sql))["The council."] == "approved"


async def test_marks_stand_on_the_right_words_after_characters_of_two_units(open_page: Open, service: Service) -> None:
    await service.post("\U0001f600\U0001f468\u200d\U0001f469 e\u0301 the <b>tollbooth</b> \U0001f600", ARTICLE)
    page = await open_page("/desk")
    await sign_in(page)
    desk = DeskPage(page)
    await expect(desk.detail.locator(".body mark")).to_have_text("tollbooth")
    await expect(desk.detail.locator(".body")).to_have_text(
        "\U0001f600\U0001f468\u200d\U0001f469 \xe9 the <b>tollbooth</b> \U0001f600"
    )


async def test_a_finding_on_trial_looks_different(open_page: Open, service: Service) -> None:
    await service.post("THE COUNCIL SHOULD BE ASHAMED OF ITS BRIDGE", ARTICLE)
    page = await open_page("/desk")
    await sign_in(page)
    desk = DeskPage(page)
    await expect(desk.detail.locator(".findings li")).to_have_count(2)
    await expect(desk.detail.locator(".findings .shadow")).to_contain_text("only recorded")
    await expect(desk.detail.locator(".body mark:not(.shadow)")).to_have_text("COUNCIL")
    style = "node => getComputedStyle(node).borderTopStyle"
    assert await desk.detail.locator(".findings .shadow").evaluate(style) == "dashed"
    assert await desk.detail.locator(".findings .hold").evaluate(style) == "solid"


async def test_the_queue_can_be_searched_and_says_when_nothing_waits(open_page: Open, service: Service) -> None:
    await service.post("The tollbooth.", ARTICLE)
    await service.post("The council.", ARTICLE)
    page = await open_page("/desk")
    desk = DeskPage(page)
    await sign_in(page)
    await expect(desk.list).to_have_count(2)
    await page.keyboard.press("/")
    await page.keyboard.type("council")
    await page.keyboard.press("Enter")
    await expect(desk.list).to_have_count(1)
    await expect(desk.detail.locator(".body")).to_have_text("The council.")
    await page.reload()
    await expect(desk.list).to_have_count(1)
    await page.get_by_label("Search the text").fill("nowhere")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("No comment here holds “nowhere”.")).to_be_visible()
    await page.get_by_label("Search the text").fill("")
    await expect(desk.list).to_have_count(2)
    await page.keyboard.press("Escape")
    await page.keyboard.press("a")
    await expect(desk.list).to_have_count(1)
    await page.keyboard.press("a")
    await expect(page.get_by_text("Nothing waits.")).to_be_visible()
    await expect(desk.waiting).to_be_empty()


async def test_new_comments_are_announced_and_not_pushed_under_the_moderators_hands(
    open_page: Open, service: Service
) -> None:
    await service.post("The tollbooth.", ARTICLE)
    page = await open_page("/desk", frozen=True)
    desk = DeskPage(page)
    await sign_in(page)
    await expect(desk.list).to_have_count(1)
    service.clock.advance(60)
    await service.post("The council.", ARTICLE)
    await page.clock.run_for(16_000)
    fresh = page.get_by_role("button", name="1 new")
    await expect(fresh).to_be_visible()
    await expect(desk.waiting).to_have_text("2")
    await expect(desk.list).to_have_count(1)
    await fresh.click()
    await expect(desk.list).to_have_count(2)


async def names_of_controls(page: Page) -> list[tuple[str, str]]:
    session = await page.context.new_cdp_session(page)
    tree = await session.send("Accessibility.getFullAXTree")
    roles = {"button", "link", "textbox", "searchbox", "combobox", "img", "dialog"}
    return [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in tree["nodes"]
        if not node["ignored"] and node["role"]["value"] in roles
    ]


@pytest.mark.parametrize("path", ["/", "/desk", "/docs", "/problems/comment-rejected"])
async def test_a_page_has_a_name_for_every_control_one_title_and_no_sideways_scroll(
    open_page: Open, service: Service, path: str
) -> None:
    await service.post("The tollbooth, at https://news.example/" + "long" * 30, ARTICLE)
    await service.post("The bell, at " + "long" * 60, ARTICLE)
    page = await open_page(path)
    if path == "/desk":
        await sign_in(page)
        await expect(DeskPage(page).list).to_have_count(1)
    elif path == "/":
        await expect(Composer(page).comments).to_have_count(1)
    elif path == "/docs":
        await expect(page.locator(".operation").first).to_be_visible()
    for width in (1280, 390):
        await page.set_viewport_size({"width": width, "height": 800})
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        controls = await names_of_controls(page)
        assert controls
        assert [role for role, name in controls if not name.strip()] == []
    assert await page.title()
    assert await page.locator("html").get_attribute("lang") == "en"
    await expect(page.get_by_role("heading", level=1)).to_have_count(1)


async def test_the_documents_show_every_request(open_page: Open, service: Service) -> None:
    described = (await service.ask("GET", "/openapi.json")).json
    requests = [(method, path) for path, methods in described["paths"].items() for method in methods]
    page = await open_page("/docs")
    await expect(page.locator(".operation")).to_have_count(len(requests))
    first = page.locator(".operation", has_text="POST /v1/comments")
    await expect(first).to_contain_text("comment-too-long")
    await first.get_by_role("link", name="comment-too-long").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("The comment is too long")


VOICES = (
    ("Arvid L.", "I still say it should ring. Once, at noon, so that one knows the river is there.", None),
    ("Ilse Kramer", "Four minutes. I have started to be early for things, which frightens my colleagues.", None),
    ("Noor", "The old ferry had charm.\n\nThis one has a lift, which my mother prefers to charm.", None),
    ("R. Odum", "Who pays for a toll booth that nobody will ever sit in?", None),
    ("Pia", "It will be a kiosk. Second paragraph from the end, and they sell liquorice.", 3),
    ("Tom", "May one cycle across, or does one have to push? The sign shows a bicycle and a question mark.", None),
)


TITLE = "The bridge that took eleven years opens before breakfast"
WAITING = (
    ("Quayside regular", "THE COUNCIL BUILT A TOLLBOOTH FOR A BRIDGE WITHOUT A TOLL. WHO SIGNED FOR THAT?"),
    ("Best Deals", "Harbour views, council approved: https://estuary-homes.example or call 020 7946 0123"),
    ("Henrik", "A tollbooth beside the rowing club? My uncle has been asking for a shed there since 1994."),
    ("Margit", "I am told the ferry bears my name. I was never asked, and neither, it seems, was the council."),
    ("Jo", "Put the tollbooth on the ferry and sail them both to the museum."),
)


async def test_the_article_and_the_desk_are_worth_a_picture(open_page: Open, service: Service) -> None:
    ids: list[str] = []
    for author, text, parent in VOICES:
        service.clock.advance(2700)
        answer = await service.post(
            text, ARTICLE, author={"name": author}, **({} if parent is None else {"parent": ids[parent]})
        )
        ids.append(answer.json["id"])
    for page, number in (
        ("demo:ferry", 14),
        ("demo:lido", 31),
        ("demo:school", 8),
        ("demo:bakery", 5),
        ("demo:rowing", 1),
    ):
        for voice in range(number):
            await service.post(f"Voice {voice} on {page[5:]}.", page)
    for author, text in WAITING:
        service.clock.advance(400)
        await service.post(text, ARTICLE, author={"name": author}, title=TITLE)
    article = await open_page("/", viewport={"width": 1280, "height": 1000})
    await expect(Composer(article).count).to_have_text("6")
    await expect(article.locator("aside .count").last).to_have_text("1 comment")
    desk = await open_page("/desk?sort=oldest", viewport={"width": 1280, "height": 800})
    await sign_in(desk)
    await expect(DeskPage(desk).list).to_have_count(len(WAITING))
    await desk.keyboard.press("h")
    await expect(desk.locator("#story li")).to_have_count(1)
    if os.environ.get("TRECENTO_SCREENSHOTS") == "1":
        DOCS.mkdir(exist_ok=True)
        await article.screenshot(path=DOCS / "article.png")
        await desk.screenshot(path=DOCS / "desk.png")
        await article.evaluate("document.querySelector('#comments').scrollIntoView()")
        await article.screenshot(path=DOCS / "comments.png")
