// The events that the region gets from a starting rack: they begin with the opening of the rack, though the region starts after it.
// @host waits

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { z } from 'zod';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { missing } from '../support/needs.ts';
import { eventually, RunningRack } from '../support/running-rack.ts';

const eventsShape = z.object({ events: z.array(z.object({ kind: z.string() })) });

describe('a region that starts after its rack', { skip: missing('linux') }, () => {
  let rack: RunningRack;
  before(async () => {
    rack = new RunningRack(labPlace(47));
    await rack.startWhole();
  });
  after(() => rack.remove());

  test('learns once of the interfaces that were served before it ran', async () => {
    const ofKind = async (kind: string): Promise<number> => {
      const { events } = eventsShape.parse(await rack.ask('/MAAS/api/2.0/events/?op=query&limit=100'));
      return events.filter((one) => one.kind === kind).length;
    };
    // A later event has arrived, so no earlier one is still on its way.
    await eventually('the end of the start in the region', async () => (await ofKind('daemon.ready')) > 0);
    assert.equal(await ofKind('interface.serving'), rack.events('interface.serving').length);
    assert.ok(rack.events('interface.serving').length > 0);
  });
});
