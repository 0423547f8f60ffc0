// Every page in a real Chromium, at desktop and phone widths: nothing is cut, covered or too wide, every field has a label, and errors are at
// their fields.
// @host waits

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PASSWORD } from '../region/live.ts';
import { missing } from '../support/needs.ts';
import { type BrowserPage, openBrowser } from './chromium.ts';
import { startFurnishedRegion, walkPages } from './furnished-region.ts';

const WIDTHS = [2560, 1280, 360] as const;

/** The visible defects of a page, a sentence each. */
const DEFECTS = `(() => {
  const found = [];
  const wide = document.documentElement.scrollWidth - innerWidth;
  if (wide > 0) found.push('the page is ' + wide + ' px too wide');
  const pen = document.createElement('canvas').getContext('2d');
  const isSeen = (one) => one.checkVisibility() && one.getClientRects().length > 0;
  for (const one of [...document.querySelectorAll('select')].filter(isSeen)) {
    const { font, paddingLeft, paddingRight } = getComputedStyle(one);
    pen.font = font;
    const room = one.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight) - 18;
    for (const { text } of one.selectedOptions)
      if (pen.measureText(text).width > room) found.push('the list ' + one.name + ' cuts "' + text + '"');
  }
  for (const one of document.querySelectorAll('input:not([type=hidden]), select, textarea')) {
    if (isSeen(one) && one.labels.length === 0 && !one.ariaLabel) found.push(one.name + ' has no label');
  }
  for (const one of document.querySelectorAll('td[data-label]')) {
    if (innerWidth < 600 && isSeen(one) && one.textContent.trim() === '') found.push('"' + one.dataset.label + '" stands without a value');
  }
  for (const one of document.querySelectorAll('main a:not(.button)')) {
    if (isSeen(one) && one.closest('nav') === null && getComputedStyle(one).color === getComputedStyle(one.parentElement).color)
      found.push('the link "' + one.textContent + '" looks like the text around it');
  }
  for (const one of document.querySelectorAll('main *')) {
    const isCut = one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).overflowX === 'hidden';
    if (isCut && isSeen(one) && one.closest('[title], details') === null && one.querySelector('[title]') === null)
      found.push('"' + one.textContent.trim().slice(0, 60) + '" is cut');
  }
  for (const one of document.querySelectorAll('td')) {
    if (isSeen(one) && one.scrollWidth > one.clientWidth) found.push('"' + one.textContent.trim().slice(0, 60) + '" continues into the next cell');
  }
  for (const row of document.querySelectorAll('.buttons, .card-foot, .row, .filters, nav')) {
    const boxes = [...row.querySelectorAll('a, button, select, input:not([type=hidden])')].filter(isSeen).map((one) => [one, one.getBoundingClientRect()]);
    for (const [one, a] of boxes) for (const [other, b] of boxes) {
      if (one !== other && a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1)
        found.push('"' + one.textContent + '" covers "' + other.textContent + '"');
    }
  }
  if (innerWidth < 600) for (const one of document.querySelectorAll('.button')) {
    if (isSeen(one) && one.offsetHeight < 40) found.push('"' + one.textContent + '" is too low for a finger: ' + one.offsetHeight + ' px');
  }
  if (document.querySelectorAll('h1').length !== 1) found.push('the page has not one heading');
  return found;
})()`;

/** The defects of a page at both widths. Saves pictures if RACKBOOT_SCREENSHOTS is set. */
async function look(browser: BrowserPage, name: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const width of WIDTHS) {
    await browser.resize(width, 900);
    const defects = await browser.evaluate(DEFECTS);
    for (const text of Object.values(Object(defects))) found.push(`${name}, ${width} px: ${String(text)}`);
    const directory = process.env.RACKBOOT_SCREENSHOTS;
    if (directory !== undefined) await browser.screenshot(`${directory}/walk-${name}-${width}.png`);
  }
  return found;
}

async function submit(browser: BrowserPage, fields: Readonly<Record<string, string>>, form = 'main form') {
  for (const [name, value] of Object.entries(fields)) {
    const field = `document.querySelector(${JSON.stringify(`${form} [name="${name}"]`)})`;
    await browser.evaluate(`(${field}.value = ${JSON.stringify(value)}, 1)`);
  }
  const sent = `document.querySelector(${JSON.stringify(form)})`;
  await browser
    .evaluate(`(window.isBefore = true, ${sent}.noValidate = true, ${sent}.requestSubmit(), 1)`)
    .catch(() => undefined);
  await browser.until("window.isBefore === undefined && document.readyState === 'complete'", 15_000);
}

/** The error at the field of this name, which must have the focus. */
const textOf = async (browser: BrowserPage, name: string) =>
  String(
    await browser.evaluate(
      `document.activeElement.name !== ${JSON.stringify(name)} ? 'the focus is elsewhere' : document.getElementById(document.activeElement.getAttribute('aria-describedby').split(' ')[0]).textContent`,
    ),
  );

test('every page is readable and usable on a desktop and on a phone', {
  skip: missing('chromium'),
}, async () => {
  const live = await startFurnishedRegion();
  const browser = await openBrowser();
  try {
    const open = (path: string) => browser.open(`${live.origin}${path}`);
    const found: string[] = [];
    await open('/MAAS/login/');
    found.push(...(await look(browser, 'login')));
    await submit(browser, { username: 'admin', password: 'wrong password' });
    assert.equal(await browser.evaluate("document.querySelector('#username').value"), 'admin');
    found.push(...(await look(browser, 'login-wrong')));
    await submit(browser, { username: 'admin', password: PASSWORD });

    for await (const { path, name } of walkPages(live)) {
      await open(path);
      assert.equal(await browser.evaluate("document.querySelector('h1').textContent === 'Not found'"), false, path);
      found.push(...(await look(browser, name)));
    }
    await open('/MAAS/people/');
    await submit(browser, { username: 'bob', new: 'abc', again: 'abc' }, 'form.form');
    assert.match(await textOf(browser, 'new'), /must have at least 4 characters/);
    found.push(...(await look(browser, 'people-refused')));
    await open('/MAAS/settings/');
    await submit(browser, { 'dns.upstream': 'not an address' }, 'form.form:has([name="dns.upstream"])');
    assert.match(await textOf(browser, 'dns.upstream'), /dns\.upstream/);
    found.push(...(await look(browser, 'settings-refused')));
    assert.deepEqual(found, []);
    assert.deepEqual(
      browser.complaints.filter((text) => !text.includes('status of 4')),
      [],
    );
  } finally {
    await browser.close();
    await live.close();
  }
});
