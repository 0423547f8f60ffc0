// What the control socket tells of a machine: one story, by whichever of its network cards it is asked for.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { instant } from '../../../src/clock.ts';
import { heardCardOf } from '../../../src/daemon/answers/trace.ts';
import type { RackMachine } from '../../../src/machines/machine.ts';
import { mac } from '../../../src/net/address.ts';
import { eventText } from '../../../src/observe/event-text.ts';
import { Timeline } from '../../../src/observe/timeline.ts';
import { describeWaiting } from '../../../src/observe/waiting.ts';

const [BOOTS, SECOND, THIRD] = [mac(0x525400000001), mac(0x525400000002), mac(0x525400000003)];
const MACHINE: RackMachine = {
  ...{ systemId: 'abcdef', hostname: 'calm-ibis', domain: 'maas', statusName: 'New', purpose: 'enlist' },
  ...{ architecture: 'amd64', subarchitecture: 'generic', macs: [BOOTS, SECOND, THIRD], addresses: [] },
};

test('a machine asked for by a card of which nothing was heard has the story of the card that was heard of last', () => {
  const timeline = new Timeline(() => undefined);
  const heard = (card: typeof BOOTS) => heardCardOf(timeline, { mac: card, machine: MACHINE });
  assert.equal(heard(SECOND), SECOND, 'nothing was heard of any');
  timeline.take({ kind: 'dhcp.offer', at: instant(1000), mac: BOOTS });
  assert.equal(heard(SECOND), BOOTS);
  timeline.take({ kind: 'dhcp.offer', at: instant(2000), mac: THIRD });
  assert.equal(heard(SECOND), THIRD, 'the one heard of last');
  assert.equal(heard(BOOTS), BOOTS, 'its own story comes first');
  assert.equal(
    heardCardOf(timeline, { mac: SECOND, machine: undefined }),
    SECOND,
    'of a card that is no machine’s nothing is known',
  );
});

test('a machine of which nothing was heard is said to be silent since the start, whatever the region knows from before', () => {
  assert.match(describeWaiting([], instant(0)), /nothing was heard of it since the rack was started$/);
});

test('a machine that the region knows as New is not said to be enlisted by its next boot', () => {
  const event = {
    kind: 'machine.known',
    at: instant(0),
    mac: BOOTS,
    name: 'calm-ibis.maas',
    status: 'New',
    purpose: 'enlist',
  };
  const text = z.string().parse(eventText(event, undefined));
  assert.equal(text, 'The region knows it as calm-ibis.maas, New: its next boot lets it report its hardware again');
});
