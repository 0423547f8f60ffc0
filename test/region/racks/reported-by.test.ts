// The event log names the rack that reported an event, by its current name.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { startRegion } from '../live.ts';
import { acceptRack, OTHER_UUID, RACK_UUID, rackInterface } from './rack-place.ts';

const pageShape = z.looseObject({
  events: z.array(z.looseObject({ description: z.string(), rack: z.string().nullable() })),
});

test('an event reported by a rack names it; one of the region itself names none', async () => {
  const live = await startRegion();
  try {
    const { region, origin, authorization } = live;
    const nic = rackInterface('10.20.0.0/24');
    await region.racks.putOwn({ uuid: OTHER_UUID, name: 'rack-1', version: '0.1.0', interfaces: [nic], pinned: [] });
    await acceptRack(region);
    const said = { sequence: 1, kind: 'dhcp.listening', at: region.clock.wallTimeMs(), level: 'info' } as const;
    await region.observe([{ ...said, text: 'told here' }]);
    await region.observe([{ ...said, text: 'told there' }], `${RACK_UUID}/life`, RACK_UUID);
    const read = async () => {
      const answer = await fetch(`${origin}/MAAS/api/2.0/events/?op=query&level=DEBUG`, { headers: { authorization } });
      const { events } = pageShape.parse(await answer.json());
      return Object.fromEntries(events.map(({ description, rack }) => [description, rack]));
    };
    const reported = await read();
    assert.deepEqual([reported['told here'], reported['told there']], ['rack-1', 'rack-2']);
    const own = Object.entries(reported).filter(([text]) => !text.startsWith('told '));
    assert.ok(own.length > 0 && own.every(([, rack]) => rack === null), JSON.stringify(own));
    await region.racks.judge([RACK_UUID], 'remove', 'admin');
    assert.deepEqual((await read())['told there'], null, 'one that was removed has no name any more');
  } finally {
    await live.close();
  }
});
