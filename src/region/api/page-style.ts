// How the page looks, and the few lines that keep it fresh. Constant texts: the page's policy allows them by their hashes.
//
// 1. Nothing is loaded from anywhere: no font, no image, no library.

import { createHash } from 'node:crypto';

export const PAGE_STYLE = `
:root {
  color-scheme: light dark;
  --ground: #f4f6f8; --sheet: #ffffff; --ink: #17202a; --soft: #5d6b7a; --line: #dfe5eb; --accent: #0b66c3;
  --blue: #0b66c3; --blue-ground: #e3effb; --green: #14703a; --green-ground: #e0f4e7; --amber: #8a5300; --amber-ground: #fcefd6;
  --red: #b3261e; --red-ground: #fbe4e2; --grey: #4b5866; --grey-ground: #e9edf1; --violet: #5b3fb5; --violet-ground: #ece7fb;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #10151b; --sheet: #19212a; --ink: #e6ebf0; --soft: #97a5b3; --line: #2b3641; --accent: #6db3ff;
    --blue: #8cc4ff; --blue-ground: #14324f; --green: #7fd6a0; --green-ground: #123824; --amber: #f2c271; --amber-ground: #3f2c0a;
    --red: #ff9d95; --red-ground: #4a1c19; --grey: #b4c0cb; --grey-ground: #2a343e; --violet: #c0adff; --violet-ground: #2e2553;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
}
header, main, footer { max-width: 1240px; margin: 0 auto; padding: 0 20px; }
header { display: flex; align-items: baseline; gap: 14px; padding-top: 26px; flex-wrap: wrap; }
h1 { font-size: 22px; margin: 0; letter-spacing: -0.01em; }
h2 { font-size: 16px; margin: 30px 0 10px; }
.soft { color: var(--soft); }
.fresh { margin-left: auto; font-size: 13px; color: var(--soft); }
.fresh::before { content: ""; display: inline-block; width: 8px; height: 8px; border-radius: 50%; background: #2fa35e; margin-right: 7px; }
.fresh.stale::before { background: #d2453b; }
.counts { display: flex; gap: 10px; flex-wrap: wrap; margin: 18px 0 4px; padding: 0; list-style: none; }
.counts li { background: var(--sheet); border: 1px solid var(--line); border-radius: 10px; padding: 8px 14px; }
.counts b { font-size: 18px; margin-right: 6px; font-variant-numeric: tabular-nums; }
.sheet { background: var(--sheet); border: 1px solid var(--line); border-radius: 12px; overflow: hidden; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: 11px 14px; }
th { font-size: 12px; font-weight: 600; color: var(--soft); background: var(--ground); border-bottom: 1px solid var(--line); }
tbody tr + tr td { border-top: 1px solid var(--line); }
td.first { min-width: 150px; }
.name { font-weight: 600; overflow-wrap: anywhere; }
.small { font-size: 13px; color: var(--soft); }
.mono { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 12.5px; }
.mono span { display: block; white-space: nowrap; }
.pill { display: inline-block; border-radius: 999px; padding: 2px 10px; font-size: 12.5px; font-weight: 600; white-space: nowrap; }
td .pill { margin-top: 5px; }
.blue { color: var(--blue); background: var(--blue-ground); }
.green { color: var(--green); background: var(--green-ground); }
.amber { color: var(--amber); background: var(--amber-ground); }
.red { color: var(--red); background: var(--red-ground); }
.grey { color: var(--grey); background: var(--grey-ground); }
.violet { color: var(--violet); background: var(--violet-ground); }
ul.notices { list-style: none; margin: 0; padding: 0; }
ul.notices li { padding: 10px 14px; border-left: 4px solid var(--amber); overflow-wrap: anywhere; line-height: 1.7; }
ul.notices li + li { border-top: 1px solid var(--line); }
.empty { padding: 38px 24px; text-align: center; }
.empty b { display: block; font-size: 17px; margin-bottom: 6px; }
ol.events { list-style: none; margin: 0; padding: 0; }
ol.events li { display: grid; grid-template-columns: 86px 190px 150px 1fr; gap: 12px; padding: 8px 14px; font-size: 13.5px; }
ol.events li + li { border-top: 1px solid var(--line); }
ol.events time { color: var(--soft); font-variant-numeric: tabular-nums; white-space: nowrap; }
ol.events .what { overflow-wrap: anywhere; }
ol.events .who { font-weight: 600; overflow-wrap: anywhere; }
ol.events .warning, ol.events .error, ol.events .critical { color: var(--red); }
a { color: var(--accent); text-decoration: none; }
a:hover, a:focus-visible { text-decoration: underline; }
.back { font-size: 14px; }
.head { display: flex; align-items: center; gap: 12px; flex-wrap: wrap; margin: 22px 0 12px; }
.head h2 { font-size: 21px; margin: 0; overflow-wrap: anywhere; letter-spacing: -0.01em; }
dl.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(250px, 1fr)); margin: 0; }
dl.facts div { padding: 11px 14px; border-bottom: 1px solid var(--line); margin-bottom: -1px; }
dl.facts dt { font-size: 12px; font-weight: 600; color: var(--soft); }
dl.facts dd { margin: 2px 0 0; overflow-wrap: anywhere; }
.note { padding: 14px; }
.boot { display: flex; align-items: baseline; gap: 10px; margin: 20px 0 8px; font-size: 14px; font-weight: 600; }
.boot .soft { font-weight: 400; }
ol.steps { list-style: none; margin: 0; padding: 0; }
ol.steps li { display: grid; grid-template-columns: 76px 150px 1fr; gap: 14px; padding: 7px 14px; font-size: 13.5px; }
ol.steps li + li { border-top: 1px solid var(--line); }
ol.steps time { color: var(--soft); text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
ol.steps .what { overflow-wrap: anywhere; }
ol.steps .warning, ol.steps .error, ol.steps .critical { color: var(--red); }
footer { padding-top: 22px; padding-bottom: 34px; font-size: 13px; color: var(--soft); }
code { background: var(--grey-ground); border-radius: 5px; padding: 1px 5px; font-size: 12.5px; }
.card { max-width: 560px; margin: 12vh auto 0; padding: 30px 32px; }
.card h1 { margin-bottom: 10px; }
@media (max-width: 820px) {
  header, main, footer { padding-left: 14px; padding-right: 14px; }
  thead { display: none; }
  table, tbody, tr, td { display: block; }
  tbody tr { padding: 12px 0; }
  tbody tr + tr { border-top: 1px solid var(--line); }
  tbody tr + tr td { border-top: 0; }
  td { display: grid; grid-template-columns: 92px 1fr; gap: 10px; padding: 4px 14px; }
  td::before { content: attr(data-label); font-size: 12.5px; color: var(--soft); padding-top: 1px; }
  td.first { min-width: 0; display: flex; align-items: center; justify-content: space-between; gap: 12px; }
  td.first .pill { margin-top: 0; }
  td.first::before { content: none; }
  ol.events li { grid-template-columns: 1fr auto; gap: 2px 12px; }
  ol.events .who { grid-column: 1; grid-row: 1; }
  ol.events time { grid-column: 2; grid-row: 1; }
  ol.events .kind { display: none; }
  ol.events .what { grid-column: 1 / 3; }
  dl.facts { grid-template-columns: 1fr; }
  dl.facts div { display: grid; grid-template-columns: 118px 1fr; gap: 10px; padding: 7px 14px; }
  dl.facts dd { margin: 0; }
  ol.steps li { grid-template-columns: 1fr auto; gap: 2px 12px; }
  ol.steps time { grid-column: 2; grid-row: 1; }
  ol.steps .kind { grid-column: 1; grid-row: 1; }
  ol.steps .what { grid-column: 1 / 3; }
  .card { margin: 24px 14px 0; padding: 22px; }
}
`;

/** Fetches the page again every few seconds while somebody looks at it, and says when the region does not answer. */
export const PAGE_SCRIPT = `
const fresh = document.querySelector('.fresh');
async function refresh() {
  if (document.hidden) return;
  try {
    const answer = await fetch(location.href, { cache: 'no-store', signal: AbortSignal.timeout(10000) });
    if (!answer.ok) throw new Error(answer.status);
    const next = new DOMParser().parseFromString(await answer.text(), 'text/html');
    document.querySelector('main').replaceWith(next.querySelector('main'));
    fresh.textContent = 'live';
    fresh.classList.remove('stale');
  } catch (problem) {
    const isGone = problem.message === '404';
    fresh.textContent = isGone ? 'this machine is gone' : 'the region does not answer; trying again';
    fresh.classList.add('stale');
  }
}
async function repeat() {
  await refresh();
  setTimeout(repeat, 3000);
}
setTimeout(repeat, 3000);
`;

const sourceOf = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** The Content-Security-Policy of the page: its own style and script, its own origin, and no frame around it. */
export const PAGE_POLICY = [
  "default-src 'none'",
  `style-src ${sourceOf(PAGE_STYLE)}`,
  `script-src ${sourceOf(PAGE_SCRIPT)}`,
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');
