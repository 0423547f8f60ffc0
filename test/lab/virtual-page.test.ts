// The page of the lab with a virtual machine: connections go to the region's socket for its boot listener.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { startVirtualPage } from '../../src/lab/virtual-lab.ts';
import { startRegion } from '../region/live.ts';
import { portOf } from '../support/listening-port.ts';

test('the page of a region in a private network asks everybody to sign in', async () => {
  const live = await startRegion();
  const page = await startVirtualPage(live.config.stateDir, 0);
  const origin = `http://localhost:${portOf(page)}`;
  try {
    const headers = { accept: 'text/html' };
    const asked = await fetch(`${origin}/MAAS/`, { headers, redirect: 'manual' });
    assert.deepEqual([asked.status, asked.headers.get('location')], [303, '/MAAS/login/']);
    const posted = await fetch(`${origin}/MAAS/api/2.0/machines/?op=accept_all`, { method: 'POST' });
    assert.equal(posted.status, 401);
  } finally {
    page.close();
    await live.close();
  }
});

test('a browser learns that no region answers', async () => {
  const empty = mkdtempSync(`${tmpdir()}/rackboot-page-`);
  const page = await startVirtualPage(empty, 0);
  try {
    await assert.rejects(fetch(`http://127.0.0.1:${portOf(page)}/MAAS/`));
  } finally {
    page.close();
    rmSync(empty, { recursive: true });
  }
});
