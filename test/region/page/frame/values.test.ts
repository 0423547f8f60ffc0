// Cells and log lines: one line in plain words; a power controller's whole answer opens by a click.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { html } from '../../../../src/ground/html.ts';
import { cellText, eventText, logLine } from '../../../../src/region/page/frame/values.ts';
import { words } from '../../../../src/region/page/frame/words.ts';
import { plainWords } from '../../../../src/region/records/power-words.ts';

const WORDS: readonly (readonly [text: string, words: string])[] = [
  ['switched off: HTTP 200: {"status": "stopped"}', 'switched off'],
  ['switched on: HTTP 204', 'switched on'],
  ['switched on: HTTP 200: OK', 'switched on'],
  [
    'perhaps switched on: HTTP 200, but after 20 s: it is still off',
    'perhaps switched on, but after 20 s: it is still off',
  ],
  [
    'perhaps switched on: HTTP 200: {"a": {"b": 1}}, but after 20 s: it is still off',
    'perhaps switched on, but after 20 s: it is still off',
  ],
  [
    'HTTP 200: {"a": 1}; but it may not boot from the network: refused',
    'but it may not boot from the network: refused',
  ],
  ['power on failed: HTTP 500: <html><title>Oops', 'power on failed: HTTP 500'],
  ['HTTP 500: {"error": 1}', 'it answered HTTP 500'],
  ['HTTP 200: {"status": "odd"}', 'it answered'],
  [
    'neither power_on_regex nor power_off_regex matches: {"x": 1}',
    'neither power_on_regex nor power_off_regex matches',
  ],
  ['HTTP 503', 'it answered HTTP 503'],
  ['power on failed: ipmitool is not installed: sudo apt-get install ipmitool', ''],
  ['Offered 10.20.0.123 (new) and ipxe.efi (UEFI amd64)', ''],
  ['From ‘New’ to ‘Commissioning’', ''],
];

test("a text is shown without a controller's raw answer; plain words are unchanged", () => {
  for (const [text, words] of WORDS) assert.equal(plainWords(text), words === '' ? text : words);
});

test('a change of state has the voice of the other events', () => {
  const changed = { code: 'status-changed', params: { from: 'new', to: 'broken' } } as const;
  assert.equal(eventText(changed), 'Changed from New to Broken');
  assert.equal(eventText({ code: 'power-seen', params: { state: 'off' } }), 'Turned off, but not by Rackboot');
});

test('a click opens the whole text, escaped', () => {
  const text = 'switched off: HTTP 200: {"<b>": 1}\nmore';
  for (const html of [`${cellText(text)}`, `${logLine(text, 'what')}`]) {
    assert.match(
      html,
      /^<details[^>]*><summary(?: title="Switched off")?>[Ss]witched off\u00a0…<\/summary>switched off: HTTP 200: \{&quot;&lt;b&gt;/,
    );
    assert.ok(html.includes('more'));
  }
  assert.equal(`${cellText('switched on: HTTP 204')}`, '<div class="">switched on</div>', 'nothing more to open');
  assert.equal(`${logLine('switched on: HTTP 200: OK', 'x')}`, '<span class="x">switched on</span>');
  assert.equal(`${cellText('')}`, '<div class=""></div>');
  assert.equal(`${cellText('Its fan is loud', 'why')}`, '<div class="why">Its fan is loud</div>');
  const long = `${'long '.repeat(30)}end`;
  assert.equal(
    `${cellText(long, 'why')}`,
    `<details class="words why"><summary title="${long}">${long}</summary></details>`,
    'the style shows two lines of it; a screen reader and a tooltip have all of it',
  );
  assert.equal(`${logLine('x'.repeat(100), 'what', html`!`)}`, `<span class="what">${'x'.repeat(100)}!</span>`);
});

test('a power check that failed says so, and shows no state', () => {
  const { done } = words.power.tasks.query;
  assert.equal(done('m1', 'error', 'no answer'), 'The power of m1 could not be checked: no answer.');
  assert.equal(done('m1', 'on'), 'The power of m1 is on.');
  assert.equal(done('m1'), 'The power of m1 is unknown.');
});
