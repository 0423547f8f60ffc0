// The list of racks of the API, which a process has in memory.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RackError } from '../../../src/errors.ts';
import { withSite } from '../api/sent/trial.ts';

test('while the store is away, the list of racks is refused, even if no rack is known', () =>
  withSite(async ({ ask, place }) => {
    assert.equal((await ask('GET', '2.0/nodegroups/')).status, 200);
    place.store.racks.images = () => Promise.reject(new RackError('store-unavailable', 'away'));
    const { status, text } = await ask('GET', '2.0/nodegroups/');
    assert.equal(status, 503);
    assert.match(text, /away/);
  }));
