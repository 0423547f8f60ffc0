// Every kind of event, with counts of 0, 1 and 2 and with names of keys, interfaces and files: nouns and verbs agree with their counts, and
// names keep their spelling.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv4, mac } from '../../src/ground/address.ts';
import { composeEventText } from '../../src/observe/event-text.ts';
import { eventText as pageText } from '../../src/region/page/frame/values.ts';
import type { Happening } from '../../src/region/records/events.ts';
import { levelOfReport } from '../../src/region/records/machine-event.ts';
import { EVENT_KINDS } from '../../src/region/reports/reported.ts';
import { selectReportParams } from '../../src/uplink/rack-uplink.ts';
import { reportedSample } from '../support/reported-samples.ts';

/** Fields with counts, of all kinds. */
const COUNTS =
  'replies transfers cut changes leases waiting dropped missed machines used usable imported repeatedBlocks windowBlocks loads'.split(
    ' ',
  );
/** Fields with sizes and times, which have a unit. */
const QUANTITIES =
  'bytes milliseconds startMs graceMs retryMs awayMs seconds leaseSeconds waitedSeconds version byMs sequence'.split(
    ' ',
  );
/** Names that must keep their spelling. */
const NAMES: Readonly<Record<string, string>> = {
  key: 'http_proxy',
  interface: 'lo',
  interfaceName: 'br-lan',
  file: '/etc/rackboot/rackboot.yaml',
  machine: 'web1',
  name: 'web1',
  path: '/MAAS/metadata/',
  subnet: 'lab',
  range: '10.20.0.100 to 10.20.0.199',
  previous: '52:54:00:00:00:01',
};
const UNITS = new Set(['s', 'ms', 'min', 'h', 'd', 'B', 'KiB', 'of', 'is', 'was', 'has', 'to', 'running']);

function reported(kind: string, count: number): string {
  const numbers = Object.fromEntries([...COUNTS, ...QUANTITIES].map((name) => [name, count]));
  const isRelease = kind === 'daemon.ready' ? { version: '1.2.3' } : {};
  const event = reportedSample(kind, { ...NAMES, ...numbers, ...isRelease });
  assert.notEqual(selectReportParams(event), undefined, `${kind} has its own sentence`);
  return composeEventText({ ...event, mac: mac(1), address: ipv4(0x0a140001) });
}

/** The word after each such number: `1 change` → `change`. */
const counted = (text: string, count: number): string[] =>
  [...text.matchAll(new RegExp(`(?<![\\w.:/-])${count} (\\w+)`, 'g'))].map(([, word = '']) => word);

test('nouns and verbs agree with their counts', () => {
  for (const kind of EVENT_KINDS.keys()) {
    const [none, one, two] = [0, 1, 2].map((count) => reported(kind, count));
    assert.ok(none !== undefined && one !== undefined && two !== undefined);
    const singular = counted(one, 1).filter((word) => !UNITS.has(word));
    for (const [text, count] of [
      [none, 0],
      [two, 2],
    ] as const) {
      for (const word of counted(text, count)) assert.ok(!singular.includes(word), `${kind}: ${text}`);
      assert.doesNotMatch(text, new RegExp(`(?<![\\w.])${count} \\w+s (?:is|was|has|waits)\\b`), kind);
    }
    assert.doesNotMatch(one, /(?<![\w.])1 \w+ (?:are|were|have|wait)\b/, kind);
  }
});

test('the check finds wrong counts', () => {
  assert.deepEqual(counted('in force with 1 change, 2 changes', 1), ['change']);
  assert.deepEqual(counted('10.20.0.1 has it, eth1 too', 1), [], 'an address is not a count');
});

test('keys, interfaces, files and machines keep their spelling, in the log and on the page', () => {
  for (const kind of EVENT_KINDS.keys()) {
    const text = reported(kind, 1);
    const shown = pageText({ code: 'rack', params: { text } });
    for (const sentence of [text, shown]) {
      assert.doesNotMatch(sentence, /\b(?:Lo|Br-lan|Http_proxy|Web1|Lab)\b|\/Etc/, kind);
      assert.doesNotMatch(sentence, /undefined|NaN|\[object/, kind);
    }
  }
  assert.equal(reported('interface.serving', 1).slice(0, 12), 'lo is served');
  assert.match(reported('config.changed', 1), /^http_proxy is now /);
  const own = (command: string): string => pageText({ code: 'command', params: { command, comment: '' } });
  assert.equal(own('switched on'), 'Switched on');
  assert.equal(own('http_proxy is set'), 'http_proxy is set');
  assert.equal(own('dhcp.authoritative is set'), 'dhcp.authoritative is set');
});

test('events say what somebody did, and when, as all others do', () => {
  for (const kind of EVENT_KINDS.keys())
    assert.doesNotMatch(reported(kind, 2), /^[0-9a-f:]{17} (?:was|were|has) /, kind);
  const heardMs = Date.UTC(2026, 10, 22, 13, 37, 4);
  const own: readonly (readonly [Happening, string])[] = [
    [{ code: 'power-switched', params: { task: 'cycle' } }, 'Switched off and on'],
    [{ code: 'power-seen', params: { state: 'on' } }, 'Turned on, but not by Rackboot'],
    [{ code: 'network-wanted', params: {} }, 'Asked to boot from the network again'],
    [
      { code: 'settings-changed', params: { changes: [{ key: 'dns.upstream', isRemoved: false }] } },
      'Set dns.upstream',
    ],
    [
      { code: 'rack-away', params: { rack: 'rack-2', heardMs } },
      'Rack rack-2 has been silent since 2026-11-22 13:37 UTC',
    ],
  ];
  for (const [event, text] of own) assert.equal(pageText(event), text);
});

/** The kinds that people follow at INFO; everything else that machines do is traffic. */
const FOLLOWED =
  'boot.asked-by-another config.applied config.changed daemon.backed-up daemon.finishing daemon.note daemon.ready daemon.stopped daemon.stopping dhcp.ballast-kept dhcp.cleared dhcp.ended ' +
  'dhcp.foreign-server-gone dhcp.imported dhcp.probe-blind dhcp.range-eased dhcp.socket-open dhcp.still-used dhcp.store-restored dns.listening ' +
  'dns.name-conflict dns.upstream-recovered http.listening http.tls-failed interface.serving log.level-changed log.level-restored metrics.listening ' +
  'net.neighbour-moved net.router-answer-failed net.router-seen outbox.available region.back region.confirmed region.database-accepts region.database-back region.duties-elsewhere region.duties-here region.linked region.post-queued region.up tftp.listening tftp.unreachable tree.served';

test('in racks’ reports, traffic is DEBUG, and states, steps and power are INFO', () => {
  const followed = [...EVENT_KINDS]
    .filter(([, { level }]) => level === 'info')
    .map(([kind]) => kind)
    .filter((kind) => levelOfReport({ kind, level: 'info' }) === 'info');
  assert.deepEqual(followed.sort(), FOLLOWED.split(' '));
  const rendered = (purpose: string) => levelOfReport({ kind: 'http.rendered', level: 'info', fields: { purpose } });
  assert.equal(rendered('local'), 'info');
  assert.equal(rendered('chain'), 'debug');
  assert.equal(levelOfReport({ kind: 'dhcp.refused', level: 'warning' }), 'warning');
});
