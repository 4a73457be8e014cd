/** Shows another article of the demo when the address asks for one: `/?article=ferry`. */
const slug = new URLSearchParams(location.search).get("article");
const story = slug && document.querySelector(`template#${CSS.escape(slug)}`);

if (story) {
  const { kicker, by, title, standfirst } = story.dataset;
  const fill = (selector, text) => {
    document.querySelector(selector).textContent = text;
  };
  document.title = `${title} – The Wexmouth Courier`;
  fill(".kicker", kicker);
  fill("h1", title);
  fill(".standfirst", standfirst);
  fill(".byline b", by);
  document.querySelector("figure").remove();
  document.querySelector(".text").replaceChildren(story.content);
  document.querySelector(".byline .count").dataset.trecentoCount = `demo:${slug}`;
  for (const node of document.querySelectorAll("[data-page]")) node.dataset.page = `demo:${slug}`;
}
