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

/** What axe finds serious, a sentence for each element. Colours alone change with the scheme. */
const findingsOf = (rules: 'all' | 'colours') => `axe.run(document, {
  resultTypes: ['violations'],
  ${rules === 'colours' ? "runOnly: { type: 'rule', values: ['color-contrast'] }," : ''}
}).then(({ violations }) => violations
  .filter(({ impact }) => impact === 'serious' || impact === 'critical')
  .flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => id + ': ' + target.join(' ') + ': ' + failureSummary)))`;

test('axe finds nothing serious or critical on any page, light or dark', { skip: missing('chromium') }, async () => {
  // The protocol evaluates it: the policy of the pages lets no page load it.
  const axe = readFileSync(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8');
  const live = await startFurnishedRegion();
  const browser = await openBrowser();
  const found: string[] = [];
  const read = async (name: string, rules: 'all' | 'colours') => {
    const findings = await browser.evaluate(findingsOf(rules));
    assert.ok(Array.isArray(findings), `axe did not run on ${name}`);
    for (const text of findings) found.push(`${name}: ${String(text)}`);
  };
  const readAll = async (path: string, name: string) => {
    await browser.resize(1280, 900);
    await browser.scheme('light');
    await browser.open(`${live.origin}${path}`);
    await browser.evaluate(`(() => { ${axe}; })()`);
    await read(`${name}, light`, 'all');
    await browser.scheme('dark');
    await read(`${name}, dark`, 'colours');
    if (!ON_A_PHONE.has(name)) return;
    await browser.resize(360, 900);
    await read(`${name}, 360 px`, 'all');
  };
  try {
    await readAll('/MAAS/login/', 'login');
    await signIn(browser, live.origin);
    for await (const { path, name } of walkPages(live)) await readAll(path, name);
    assert.deepEqual(found, []);
  } finally {
    await browser.close();
    await live.close();
  }
});
