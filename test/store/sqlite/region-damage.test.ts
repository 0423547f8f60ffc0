// Reading region.db whole finds damage: any zeroed page, with any contents.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { systemClock } from '../../../src/clock.ts';
import { findRegionDamage } from '../../../src/store/sqlite/region-damage.ts';
import { openRegionStore } from '../../../src/store/sqlite/region-sqlite.ts';

const PAGE = 4096;
const stateDir = mkdtempSync(join(tmpdir(), 'rackboot-region-damage-'));
const path = join(stateDir, 'region.db');
after(() => rmSync(stateDir, { recursive: true }));

const read = (isWanted = () => true) => findRegionDamage(stateDir, { clock: systemClock, isWanted });

test('a file that is whole, missing or no longer of interest is not damaged', async () => {
  assert.equal(await read(), undefined, 'there is none');
  const store = openRegionStore({ stateDir });
  assert.equal(await read(), undefined, 'while the region has it open');
  await store.close();
  assert.equal(await read(), undefined);
});

test('every page that is zeroed is found', async () => {
  await openRegionStore({ stateDir }).close();
  const whole = readFileSync(path);
  const pages = whole.length / PAGE;
  assert.ok(pages > 30, `${pages} pages`);
  for (let page = 0; page < pages; page += 1) {
    writeFileSync(path, Buffer.from(whole).fill(0, page * PAGE, (page + 1) * PAGE));
    const damage = await read();
    assert.equal(damage?.file, path, `page ${page}`);
    assert.match(damage.reason, /^.+$/, `page ${page}`);
  }
  writeFileSync(path, whole);
});

test('reading stops once the caller no longer wants the result', async () => {
  const whole = readFileSync(path);
  writeFileSync(path, Buffer.from(whole).fill(0, PAGE, 2 * PAGE));
  assert.equal(await read(() => false), undefined);
  writeFileSync(path, whole);
});
