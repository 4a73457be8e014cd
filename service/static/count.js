/** Writes comment counts into elements with `data-trecento-count`: a page's key, or empty for the link's address. */
(() => {
  const { dataset, src } = document.currentScript;
  const counts = new Map();
  const asked = new Set();
  let waiting;

  const keyOf = (element) =>
    element.dataset.trecentoCount ||
    element.href ||
    document.querySelector("link[rel=canonical]")?.href ||
    location.href;

  const ask = async (keys) => {
    const query = new URLSearchParams(keys.map((key) => ["page", key]));
    if (dataset.site) query.set("site", dataset.site);
    try {
      const answer = await fetch(new URL(`v1/counts?${query}`, src), { credentials: "omit" });
      const found = Object.entries((await answer.json()).counts);
      for (const [key, count] of found) counts.has(key) || counts.set(key, count);
      scan();
    } catch {} // the page stays as printed
  };

  const scan = () => {
    waiting = 0;
    const fresh = new Set();
    for (const element of document.querySelectorAll("[data-trecento-count]")) {
      const key = keyOf(element);
      const count = counts.get(key);
      if (count >= 0) {
        const words = { ...dataset, ...element.dataset };
        const form = words[["zero", "one"][count]] || words.other || "{count}";
        const text = form.replace("{count}", count.toLocaleString());
        if (element.textContent !== text) element.textContent = text;
      } else if (!asked.has(key)) fresh.add(key);
    }
    let batch = [];
    for (const key of [...fresh].sort()) {
      asked.add(key);
      // the service takes 100 pages, servers on the way 8 KB
      if (batch.length > 99 || encodeURIComponent([batch, key]).length > 7000) {
        ask(batch);
        batch = [];
      }
      batch.push(key);
    }
    if (batch[0]) ask(batch);
  };

  const hear = ({ detail }) => {
    for (const key of asked) if (detail.is(key)) counts.set(key, detail.count);
    scan();
  };
  document.addEventListener("trecento:ready", hear);
  document.addEventListener("trecento:comment", hear);
  new MutationObserver(() => {
    waiting ||= setTimeout(scan, 50);
  }).observe(document, { subtree: true, childList: true, attributeFilter: ["data-trecento-count"] });
  scan();
})();
