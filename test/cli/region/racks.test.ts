// `rackboot racks list`: when each rack was heard of.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listRacks } from '../../../src/cli/region/racks.ts';
import { systemClock } from '../../../src/ground/clock.ts';
import { answerControl } from '../../support/control-answers.ts';
import { printedBy } from '../../support/printed.ts';

test('a rack that has only registered was last seen then', async (t) => {
  const ago = (seconds: number): string => new Date(systemClock.wallTimeMs() - seconds * 1000).toISOString();
  const rack = (name: string, seen: string | null, registered: string | null) => ({
    uuid: name,
    name,
    status_name: 'pending',
    is_embedded: false,
    is_away: false,
    conflict: null,
    version: '1',
    last_seen: seen,
    registered,
    events_waiting: 0,
    events_dropped: 0,
    dead_letters: 0,
    interfaces: [],
  });
  const racks = [rack('new', null, ago(240)), rack('old', ago(120), ago(9000)), rack('odd', null, null)];
  const { config } = await answerControl(t, { '/MAAS/api/2.0/nodegroups/': racks });
  const { text } = await printedBy(() => listRacks({ config: config, json: false }));
  assert.match(text, /^new +pending +4 min \d+ s ago /m);
  assert.match(text, /^old +pending +2 min \d+ s ago /m);
  assert.match(text, /^odd +pending +never /m);
});
