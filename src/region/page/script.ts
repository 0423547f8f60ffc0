// The few lines that keep a page fresh, and the policy that allows nothing else. A constant text, which the policy allows by its hash.
//
// 1. A page without this script shows and does the same; it is loaded anew for what is new.
// 2. What somebody is reading or writing is not taken from under them: a part is left alone while it has the text cursor or a marked
//    text, an open part stays open, an output that is followed stays at its end, the focus stays where it was.

import { createHash } from 'node:crypto';
import { PAGE_STYLE } from './style.ts';

/** Fetches the page again every few seconds while somebody looks at it, puts in what changed, and says when the region does not answer. */
export const PAGE_SCRIPT = `
const fresh = document.querySelector('.fresh');
const focusable = 'a[href], button, input, select, textarea, summary';
function isBusy(part) {
  const active = document.activeElement;
  const marked = getSelection();
  return (
    (active !== null && part.contains(active) && active.matches('input, select, textarea')) ||
    (marked !== null && !marked.isCollapsed && part.contains(marked.anchorNode))
  );
}
function keep(old, next) {
  for (const one of next.querySelectorAll('details[id]')) {
    const before = old.querySelector('#' + CSS.escape(one.id));
    if (before !== null) one.open = before.open;
  }
}
function places(old) {
  return [...old.querySelectorAll('pre[id]')].map((one) => [one.id, one.scrollTop + one.clientHeight >= one.scrollHeight - 4 ? Infinity : one.scrollTop]);
}
function put(old, next) {
  keep(old, next);
  if (old.isEqualNode(next) || isBusy(old)) return;
  const tops = places(old);
  const at = [...old.querySelectorAll(focusable)].indexOf(document.activeElement);
  const words = document.activeElement.textContent;
  old.replaceWith(next);
  for (const [id, top] of tops) {
    const one = next.querySelector('#' + CSS.escape(id));
    if (one !== null) one.scrollTop = top === Infinity ? one.scrollHeight : top;
  }
  const again = at === -1 ? undefined : next.querySelectorAll(focusable)[at];
  if (again !== undefined && again.textContent === words) again.focus({ preventScroll: true });
}
function take(now, next) {
  const ids = (main) => [...main.children].map((part) => part.id).join(' ');
  const parts = [...next.children];
  if (ids(now) !== ids(next)) put(now, next);
  else [...now.children].forEach((part, index) => put(part, parts[index]));
}
async function refresh() {
  if (document.hidden) return;
  try {
    const answer = await fetch(location.href, { cache: 'no-store', headers: { 'X-Rackboot-Live': '1' }, signal: AbortSignal.timeout(10000) });
    if (answer.redirected) return location.reload();
    if (!answer.ok) throw new Error(answer.status);
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
    take(document.querySelector('main'), page.querySelector('main'));
    document.title = page.title;
    fresh.textContent = 'live';
    fresh.classList.remove('stale');
  } catch (problem) {
    fresh.textContent = problem.message === '404' ? 'this is gone' : 'the region does not answer; trying again';
    fresh.classList.add('stale');
  }
}
async function repeat() {
  await refresh();
  setTimeout(repeat, document.querySelector('[data-at-work]') === null ? 3000 : 1000);
}
for (const one of document.querySelectorAll('pre[id]')) one.scrollTop = one.scrollHeight;
const told = document.querySelector('#told');
if (fresh !== null && told !== null) setTimeout(() => told.remove(), 10000);
if (fresh !== null) setTimeout(repeat, 1000);
`;

const sourceOf = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** The Content-Security-Policy of the page: its own style and script, its own origin, and no frame around it. */
export const PAGE_POLICY = [
  "default-src 'none'",
  `style-src ${sourceOf(PAGE_STYLE)}`,
  `script-src ${sourceOf(PAGE_SCRIPT)}`,
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');

export const SCRIPT_ELEMENT = ['<script>', PAGE_SCRIPT, '</script>'].join('');
