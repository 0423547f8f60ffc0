// Two tabs with one form, in a real Chromium: what the second did not touch stays, a field that both changed is shown with both values, and the
// audit log has what differed.
// @host waits

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { missing } from '../support/needs.ts';
import { openBrowser } from './chromium.ts';
import { startFurnishedRegion } from './furnished-region.ts';
import { signIn } from './sign-in.ts';

const WIDTHS = [1280, 360] as const;
const LOADED_MS = 10_000;

test('the second of two tabs sees both values, and nobody loses a field', { skip: missing('chromium') }, async () => {
  const live = await startFurnishedRegion();
  const browser = await openBrowser();
  const pictures = process.env.RACKBOOT_SCREENSHOTS;
  const look = async (name: string) => {
    for (const width of WIDTHS) {
      await browser.resize(width, 900);
      assert.equal(
        await browser.evaluate('document.documentElement.scrollWidth <= innerWidth'),
        true,
        `${name} ${width}`,
      );
      if (pictures !== undefined) await browser.screenshot(join(pictures, `${name}-${width}.png`));
    }
  };
  const fill = (values: Readonly<Record<string, string>>) =>
    browser.evaluate(
      `(Object.entries(${JSON.stringify(values)}).forEach(([id, value]) => { document.getElementById('f-' + id).value = value; }), 1)`,
    );
  const save = async (condition: string) => {
    await browser.evaluate("(document.querySelector('form.form').requestSubmit(), 1)");
    await browser.until(`document.readyState === 'complete' && ${condition}`, LOADED_MS);
  };
  try {
    await signIn(browser, live.origin);
    const path = `/MAAS/machines/${live.systemId}/edit/`;
    await browser.open(`${live.origin}${path}`);
    await live.region.editMachine(live.systemId, { description: 'by the door', kernelParams: 'quiet' }, 'admin');
    await fill({ description: 'on the roof' });
    await save("document.querySelector('#f-description-fault') !== null");
    assert.equal(await browser.evaluate("document.getElementById('f-description').value"), 'on the roof');
    const fault = String(await browser.evaluate("document.getElementById('f-description-fault').textContent"));
    assert.match(fault, /by the door/);
    await look('two-tabs');
    await save(`location.pathname !== ${JSON.stringify(path)}`);
    const machine = await live.region.store.findMachine(live.systemId);
    assert.deepEqual([machine?.description, machine?.kernelParams], ['on the roof', 'quiet']);
    await browser.open(`${live.origin}/MAAS/events/?level=audit`);
    const log = String(await browser.evaluate('document.body.textContent'));
    assert.match(log, /Changed: description: by the door → on the roof/);
    await look('audit');
    for (const name of ['networks', 'racks', 'networks/interfaces', 'health']) {
      await browser.open(`${live.origin}/MAAS/${name}/`);
      await look(name.replaceAll('/', '-'));
    }
    assert.deepEqual(
      browser.complaints.filter((text) => !text.includes('400')),
      [],
    );
  } finally {
    await browser.close();
    await live.close();
  }
});
