// A long list of machines in a real Chromium, at the widths of a phone, a desktop and a wall: filters, pages, ticks that outlive a refresh, and
// an action on many from the tick to its result.
// @host waits

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startRegion } from '../region/live.ts';
import { report } from '../region/place.ts';
import { missing } from '../support/needs.ts';
import { openBrowser } from './chromium.ts';
import { signIn } from './sign-in.ts';

const MACHINES = 300;
const WIDTHS = [360, 1280, 2560];
const ATTACK = `<img src=x onerror="document.title='owned'">`;
const BY = { username: 'admin', isAdmin: true, comment: ATTACK };

const ROWS = "document.querySelectorAll('td.first').length";
const WIDE = 'document.documentElement.scrollWidth - innerWidth';

test('300 machines are filtered, turned over, selected and acted on, at the width of a phone, a desktop and a wall', {
  skip: missing('chromium'),
}, async () => {
  const live = await startRegion();
  const browser = await openBrowser();
  try {
    const { region, origin } = live;
    const ids: string[] = [];
    await region.transact(async () => {
      for (let index = 1; index <= MACHINES; index += 1) {
        const outcome = await region.enlist(report([0x525400000000 + index], { hostname: `node-${index}` }));
        assert.ok(outcome.kind === 'create');
        ids.push(outcome.machine.systemId);
      }
    });
    for (const id of ids.slice(0, 10)) await region.life.command(id, { name: 'mark-broken' }, BY);
    await signIn(browser, origin);
    const list = (query: string) => browser.open(`${origin}/MAAS/machines/${query}`);
    for (const width of WIDTHS) {
      await browser.resize(width, 900);
      await list('');
      assert.equal(await browser.evaluate(ROWS), 50, `${width} px`);
      assert.ok(Number(await browser.evaluate(WIDE)) <= 0, `${width} px: too wide`);
      await list('?status=broken&sort=-name');
      assert.equal(await browser.evaluate(ROWS), 10, `${width} px`);
      assert.equal(await browser.evaluate("document.querySelector('td.first a').textContent"), 'node-10.maas');
      assert.ok(Number(await browser.evaluate(WIDE)) <= 0, `${width} px, narrowed: too wide`);
      await list('?q=nothing+like+it');
      await browser.evaluate("(document.querySelector('.empty a').click(), 1)");
      await browser.until(`location.search === '' && document.readyState === 'complete' && ${ROWS} === 50`, 10_000);
    }
    const folded = "document.querySelector('select[name=status]').checkVisibility()";
    assert.equal(await browser.evaluate(folded), true);
    await browser.resize(360, 900);
    assert.equal(await browser.evaluate(folded), false, 'a phone folds the filters');
    await browser.evaluate("(document.querySelector('#filter-fold').open = true, 1)");
    assert.equal(await browser.evaluate(folded), true);

    await browser.resize(1280, 900);
    await list('?sort=name&page=6');
    assert.match(String(await browser.evaluate("document.querySelector('#list-bar').innerText")), /251–300 of 300/);
    await list('?status=broken&sort=name');
    await browser.evaluate(
      `(document.querySelector('[data-ticks]').click(), document.querySelector('select[name=action]').value = 'mark-fixed', 1)`,
    );
    const ticked = "document.querySelectorAll('td.first input:checked').length";
    assert.equal(await browser.evaluate(ticked), 10);
    // One leaves the list while the others are selected.
    await region.life.command(ids[0] ?? '', { name: 'mark-fixed' }, { ...BY, comment: '' });
    await browser.until(`${ROWS} === 9`, 10_000);
    assert.equal(await browser.evaluate(ticked), 9, 'a refresh keeps the ticks');
    assert.equal(await browser.evaluate("document.querySelector('select[name=action]').value"), 'mark-fixed');
    await browser.evaluate("(document.querySelector('#many-form').requestSubmit(), 1)");
    await browser.until("location.pathname === '/MAAS/machines/many/' && document.readyState === 'complete'", 10_000);
    const chosen = "document.querySelector('input[name=machines]').value.split(' ').length";
    assert.equal(await browser.evaluate(chosen), 9);
    await browser.evaluate("(document.querySelector('main form.form').requestSubmit(), 1)");
    await browser.until(
      "location.pathname.split('/').length === 6 && document.querySelector('progress')?.value === 9",
      10_000,
    );
    for (const id of ids.slice(1, 10)) assert.equal((await region.store.findMachine(id))?.status, 'ready');
    assert.notEqual(await browser.evaluate('document.title'), 'owned');
    assert.deepEqual(browser.complaints, []);
  } finally {
    await browser.close();
    await live.close();
  }
});
