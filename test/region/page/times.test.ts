// Times that are shown relative to now, on every page of a region with something of everything in it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startFurnishedRegion, walkPages } from '../../page/furnished-region.ts';
import { PASSWORD } from '../live.ts';

const EXACT = /<time datetime="[^"]+" title="\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC">(?:[^<]|<wbr>)*<\/time>/g;
const RELATIVE = /just now|\d+\s(?:s|min|h|days?)\sago|(?:again|begins|continues) in \d+/g;
/** The scale of a chart over a day. */
const SCALE = '24 h ago';

test('every relative time has its exact moment in a tooltip', async () => {
  const live = await startFurnishedRegion();
  try {
    const body = new URLSearchParams({ username: 'admin', password: PASSWORD });
    const signedIn = await fetch(`${live.origin}/MAAS/login/`, { method: 'POST', body, redirect: 'manual' });
    const cookie = signedIn.headers
      .getSetCookie()
      .map((one) => one.replace(/;.*/, ''))
      .join('; ');
    const bare: string[] = [];
    let exact = 0;
    for await (const { path } of walkPages(live)) {
      const answer = await fetch(`${live.origin}${path}`, { headers: { Cookie: cookie } });
      assert.equal(answer.status, 200, path);
      const text = await answer.text();
      exact += [...text.matchAll(EXACT)].length;
      for (const [time] of text
        .replaceAll(EXACT, '')
        .replaceAll(/<[^>]*>/g, ' ')
        .matchAll(RELATIVE))
        if (time !== SCALE) bare.push(`${path}: ${time}`);
    }
    assert.deepEqual(bare, []);
    assert.ok(exact > 40, `${exact} exact moments`);
  } finally {
    await live.close();
  }
});
