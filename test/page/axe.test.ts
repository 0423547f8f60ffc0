// Every page in a real Chromium, light and dark: axe finds nothing that keeps somebody with a screen reader or weak eyes from using it.
// @host waits

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { missing } from '../support/needs.ts';
import { openBrowser } from './chromium.ts';
import { startFurnishedRegion, walkPages } from './furnished-region.ts';
import { signIn } from './sign-in.ts';

/** The pages that are also read as a phone draws them: a menu, tables as cards, a form, a picture. */
const ON_A_PHONE = new Set(['machines', 'racks', 'settings', 'machine-boot', 'machine-storage', 'networks-subnets']);

/** What is asked: all rules but those whose findings are never serious, or colours, which alone change with the scheme. */
const ASKED = {
  all: "{ rules: Object.fromEntries(axe._audit.rules.flatMap(({ id, impact }) => (['minor', 'moderate'].includes(impact) ? [[id, { enabled: false }]] : []))) }",
  colours: "{ runOnly: { type: 'rule', values: ['color-contrast'] } }",
} as const;

/** What axe finds serious, a sentence for each element. */
const findingsOf = (
  rules: keyof typeof ASKED,
) => `axe.run(document, { resultTypes: ['violations'], ...${ASKED[rules]} })
  .then(({ violations }) => violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => id + ': ' + target.join(' ') + ': ' + failureSummary)))`;

test('axe finds nothing serious or critical on any page, light or dark', { skip: missing('chromium') }, async () => {
  const live = await startFurnishedRegion();
  const browser = await openBrowser();
  await browser.beginWith(readFileSync(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8'));
  const found: string[] = [];
  const read = async (name: string, rules: keyof typeof ASKED) => {
    const findings = await browser.evaluate(findingsOf(rules));
    assert.ok(Array.isArray(findings), `axe did not run on ${name}`);
    for (const text of findings) found.push(`${name}: ${String(text)}`);
  };
  // A page is opened in the scheme in which the one before it was read last.
  let [scheme, other]: ['light' | 'dark', 'light' | 'dark'] = ['light', 'dark'];
  const readAll = async (path: string, name: string) => {
    await browser.open(`${live.origin}${path}`);
    await read(`${name}, ${scheme}`, 'all');
    [scheme, other] = [other, scheme];
    await browser.scheme(scheme);
    await read(`${name}, ${scheme}`, 'colours');
    if (!ON_A_PHONE.has(name)) return;
    await browser.resize(360, 900);
    await read(`${name}, 360 px`, 'all');
    await browser.resize(1280, 900);
  };
  try {
    await browser.resize(1280, 900);
    await browser.scheme(scheme);
    await readAll('/MAAS/login/', 'login');
    await signIn(browser, live.origin);
    for await (const { path, name } of walkPages(live)) await readAll(path, name);
    assert.deepEqual(found, []);
  } finally {
    await browser.close();
    await live.close();
  }
});
