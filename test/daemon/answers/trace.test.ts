// The control socket's trace of a machine: the same steps for any of its network cards.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { loggedSteps } from '../../../src/cli/rack/logged-steps.ts';
import { describeMenuChoice, findFirstReportedMs, findHeardCard } from '../../../src/daemon/answers/trace.ts';
import { mac } from '../../../src/ground/address.ts';
import { instant } from '../../../src/ground/clock.ts';
import type { RackMachine } from '../../../src/machines/machine.ts';
import { composeEventText } from '../../../src/observe/event-text.ts';
import { Timeline } from '../../../src/observe/timeline.ts';
import { findWaiting } from '../../../src/observe/waiting.ts';
import { describeWaiting } from '../../../src/observe/waiting-words.ts';

const [BOOTS, SECOND, THIRD] = [mac(0x525400000001), mac(0x525400000002), mac(0x525400000003)];
const MACHINE: RackMachine = {
  systemId: 'abcdef',
  hostname: 'calm-ibis',
  domain: 'maas',
  statusName: 'New',
  purpose: 'enlist',
  architecture: 'amd64',
  subarchitecture: 'generic',
  macs: [BOOTS, SECOND, THIRD],
  addresses: [],
};

test('a machine named by an unseen card has the steps of the card seen last', () => {
  const timeline = new Timeline(() => undefined);
  const heard = (card: typeof BOOTS) => findHeardCard(timeline, { mac: card, machine: MACHINE });
  assert.equal(heard(SECOND), SECOND, 'no card was seen');
  timeline.take({ kind: 'dhcp.offer', at: instant(1000), mac: BOOTS });
  assert.equal(heard(SECOND), BOOTS);
  timeline.take({ kind: 'dhcp.offer', at: instant(2000), mac: THIRD });
  assert.equal(heard(SECOND), THIRD, 'the card seen last');
  assert.equal(heard(BOOTS), BOOTS, 'its own steps take precedence');
  assert.equal(
    findHeardCard(timeline, { mac: SECOND, machine: undefined }),
    SECOND,
    'of a card that is not a machine’s nothing is known',
  );
});

test('an unseen machine is reported as silent since the start, whatever the region recorded before', () => {
  assert.match(describeWaiting(findWaiting([], instant(0))), /it has not been seen since the rack started$/);
});

test('a machine that is New reports its hardware at its next boot; a person may have added it before its first', () => {
  const event = {
    kind: 'machine.known',
    at: instant(0),
    mac: BOOTS,
    name: 'calm-ibis.maas',
    status: 'New',
    purpose: 'enlist',
  };
  const text = z.string().parse(composeEventText(event));
  assert.equal(text, 'Known to the region as calm-ibis.maas (New): its next boot reports its hardware');
});

test('a step that was published after a later one is not read from the log again', () => {
  const timeline = new Timeline(() => undefined);
  timeline.take({ kind: 'net.neighbour-new', at: instant(2000), mac: BOOTS });
  timeline.take({ kind: 'dhcp.ack', at: instant(1868), mac: BOOTS });
  const wallOffsetMs = Date.UTC(2026, 0, 2);
  const firstMs = findFirstReportedMs(timeline.find(BOOTS) ?? [], wallOffsetMs);
  const events = [2000, 1867, 1000].map((at) => {
    const time = new Date(wallOffsetMs + at).toISOString();
    return { level: 'DEBUG', description: '', time, kind: 'dhcp.ack', rack: 'rack-1' };
  });
  // Reported with an offset that was a millisecond smaller.
  const older = loggedSteps(events, 'rack-1', firstMs);
  assert.deepEqual(
    older.map(({ at }) => Date.parse(at) - wallOffsetMs),
    [1000],
  );
  assert.equal(findFirstReportedMs([], wallOffsetMs), undefined);
});

test('a trace names what a person chose in the menu, and nothing for a file that no menu offered', () => {
  const live = { name: 'live', title: 'Live system', file: 'profiles/live/vmlinuz' };
  const shown = (menuSeconds: number | undefined, file: string) => {
    const timeline = new Timeline(() => undefined);
    const configuration = {
      file: 'grub/grub.cfg',
      purpose: 'local',
      ...(menuSeconds === undefined ? {} : { menuSeconds }),
    };
    timeline.take({ kind: 'http.rendered', at: instant(0), mac: BOOTS, ...configuration });
    timeline.take({ kind: 'tftp.sent', at: instant(1000), mac: BOOTS, ...{ file } });
    const steps = timeline.find(BOOTS) ?? [];
    return steps.map((step) => describeMenuChoice(step, steps, [live])).join('');
  };
  assert.equal(shown(10, '/profiles/live/vmlinuz'), ' (chosen in the menu: Live system)');
  assert.equal(shown(10, 'grub/x86_64-efi/test.mod'), '');
  assert.equal(shown(undefined, 'profiles/live/vmlinuz'), '', 'there was no menu');
});
