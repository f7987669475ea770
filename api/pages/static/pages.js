// What pages do besides, where scripts run: a form or a link with `data-swap` changes the page in place instead of
// loading a new one. All of it works without (docs/pages.md says why this is no library).
//
// 1. What stands in its stead is the page of the same address as the server makes it: `main`, menu and footer of it.
//    A page of another path, or none, is loaded as a browser does it.
// 2. Each state has its address in the history. Of two that are asked for at once, the later one counts.
// 3. Who used the keyboard stays where they were, and the new page is said by its title.
// 4. The history is touched by nothing else: loaded anew, the answer to a form is still that answer.
"use strict";

(() => {
  const same = (url) => new URL(url, location.href).origin === location.origin;
  let under;

  async function swap(url, push) {
    const main = document.querySelector("main");
    main.setAttribute("aria-busy", "true");
    if (under) under.abort();
    const mine = (under = new AbortController());
    let answer, text;
    try {
      answer = await fetch(url, { headers: { Accept: "text/html" }, credentials: "same-origin", signal: mine.signal });
      text = await answer.text();
    } catch {
      if (!mine.signal.aborted) location.assign(url);
      return;
    }
    const type = answer.headers.get("content-type") || "";
    if (!type.startsWith("text/html") || new URL(answer.url).pathname !== new URL(url, location.href).pathname) {
      location.assign(url); // sent elsewhere (to sign in), or no page: let the browser do what it does
      return;
    }
    const made = new DOMParser().parseFromString(text, "text/html");
    const at = document.activeElement && document.activeElement.id;
    for (const part of ["main", "nav.menu", "footer.foot"]) {
      const [old, fresh] = [document.querySelector(part), made.querySelector(part)];
      if (old && fresh) old.replaceWith(document.adoptNode(fresh));
    }
    document.title = made.title;
    if (push) {
      if (!history.state) history.replaceState({ swapped: true }, "");
      history.pushState({ swapped: true }, "", answer.url);
    }
    const again = (at && document.getElementById(at)) || document.querySelector("main");
    again.focus({ preventScroll: true });
    document.getElementById("said").textContent = made.title;
    document.dispatchEvent(new CustomEvent("swapped"));
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("form[data-swap]") || form.method !== "get" || !same(form.action)) return;
    event.preventDefault();
    const url = new URL(form.action);
    const asked = new FormData(form, event.submitter);
    url.search = new URLSearchParams([...asked].filter(([, value]) => value !== "")).toString();
    swap(url.href, true);
  });

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-swap]");
    if (!link || event.defaultPrevented || event.button || !same(link.href)) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return; // in another tab, or kept
    event.preventDefault();
    swap(link.href, true);
  });

  addEventListener("popstate", (event) => {
    if (event.state && event.state.swapped) swap(location.href, false);
  });
})();
