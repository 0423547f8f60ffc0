// What a browser runs on every page: it keeps a page fresh that says so. Node takes the types out (`files/browser-file.ts`).
//
// 1. A page without this script shows and does the same; it is loaded again for what is new.
// 2. What somebody reads or writes is not taken from under them: a part is left alone while it has the text cursor or a marked text, an
//    open part stays open, an output that is followed stays at its end, the focus stays where it was.
// 3. This file imports nothing: a browser gets it alone.

const AT_WORK_MS = 1000;
const AT_REST_MS = 3000;
const ANSWER_WAIT_MS = 10_000;
/** How long what was done just now stays on a page that is kept fresh. */
const TOLD_MS = 10_000;
/** An output scrolled to within so many pixels of its end is followed. */
const END_PIXELS = 4;
const FOCUSABLE = 'a[href], button, input, select, textarea, summary';

const fresh = document.querySelector('.fresh');

function isBusy(part: Element): boolean {
  const active = document.activeElement;
  const marked = getSelection();
  return (
    (active !== null && part.contains(active) && active.matches('input, select, textarea')) ||
    (marked !== null && !marked.isCollapsed && part.contains(marked.anchorNode))
  );
}

const withId = (part: Element, id: string): Element | null => part.querySelector(`#${CSS.escape(id)}`);

/** Opens what is open on the page now. */
function keepOpen(old: Element, next: Element): void {
  for (const one of next.querySelectorAll('details')) {
    const before = one.id === '' ? null : withId(old, one.id);
    if (before instanceof HTMLDetailsElement) one.open = before.open;
  }
}

/** Where each output is scrolled to; Infinity: it is followed. */
const scrolledTo = (part: Element): readonly (readonly [id: string, top: number])[] =>
  [...part.querySelectorAll('pre[id]')].map((one) => {
    const isAtEnd = one.scrollTop + one.clientHeight >= one.scrollHeight - END_PIXELS;
    return [one.id, isAtEnd ? Number.POSITIVE_INFINITY : one.scrollTop];
  });

/** Puts a part in the place of what was there. */
function put(old: Element, next: Element): void {
  keepOpen(old, next);
  if (old.isEqualNode(next) || isBusy(old)) return;
  const tops = scrolledTo(old);
  const active = document.activeElement;
  const at = active === null ? -1 : [...old.querySelectorAll(FOCUSABLE)].indexOf(active);
  const words = active?.textContent;
  old.replaceWith(next);
  for (const [id, top] of tops) {
    const one = withId(next, id);
    if (one !== null) one.scrollTop = Math.min(top, one.scrollHeight);
  }
  const again = at === -1 ? undefined : next.querySelectorAll<HTMLElement>(FOCUSABLE)[at];
  if (again !== undefined && again.textContent === words) again.focus({ preventScroll: true });
}

const idsOf = (main: Element): string => [...main.children].map(({ id }) => id).join(' ');

/** Takes what is new: part by part where the parts are the same. */
function take(now: Element, next: Element): void {
  if (idsOf(now) !== idsOf(next)) {
    put(now, next);
    return;
  }
  const parts = [...next.children];
  [...now.children].forEach((part, index) => {
    const other = parts[index];
    if (other !== undefined) put(part, other);
  });
}

const mainOf = (page: Document): Element => {
  const main = page.querySelector('main');
  if (main === null) throw new Error('the page has no main part');
  return main;
};

function say(text: string, isStale: boolean): void {
  if (fresh === null) return;
  fresh.textContent = text;
  fresh.classList.toggle('stale', isStale);
}

/** Fetches the page again, puts in what changed, and says when the region does not answer. */
async function refresh(): Promise<void> {
  if (document.hidden) return;
  try {
    const answer = await fetch(location.href, {
      cache: 'no-store',
      headers: { 'X-Rackboot-Live': '1' },
      signal: AbortSignal.timeout(ANSWER_WAIT_MS),
    });
    if (answer.redirected) {
      location.reload();
      return;
    }
    if (answer.status === 404) {
      say('this is gone', true);
      return;
    }
    if (!answer.ok) throw new Error(`the region answered ${answer.status}`);
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
    take(mainOf(document), mainOf(page));
    document.title = page.title;
    say('live', false);
  } catch {
    say('the region does not answer; trying again', true);
  }
}

async function repeat(): Promise<void> {
  await refresh();
  setTimeout(repeat, document.querySelector('[data-at-work]') === null ? AT_REST_MS : AT_WORK_MS);
}

for (const one of document.querySelectorAll('pre[id]')) one.scrollTop = one.scrollHeight;
const told = document.querySelector('#told');
if (fresh !== null && told !== null) setTimeout(() => told.remove(), TOLD_MS);
if (fresh !== null) setTimeout(repeat, AT_WORK_MS);
