// The output of `rackboot trace` and `rackboot why` about a machine of another rack, on the host of the region.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { traceMachine } from '../../../src/cli/rack/trace.ts';
import { explainMachine } from '../../../src/cli/rack/why.ts';
import { CONTROL_SOCKET } from '../../../src/http/config.ts';
import { printedBy } from '../../support/printed.ts';

const MAC = '52:54:00:00:00:01';
const MACHINE = { systemId: 'abc', hostname: 'calm-ibis', domain: 'maas', status: 'Ready', purpose: 'poweroff' };
const at = (second: number): string => `2026-01-02T03:04:${String(second).padStart(2, '0')}.000Z`;
const logged = (second: number, rack: string | null, kind: string | null, description: string) => ({
  level: 'DEBUG',
  type: 'DHCP',
  time: at(second),
  kind,
  rack,
  description,
});
const KNOWN = {
  number: 1,
  boot: 0,
  at: at(5),
  lastAt: at(5),
  times: 1,
  kind: 'machine.known',
  level: 'info',
  text: 'The region knows it',
  fields: {},
};
const ANSWERS = {
  '/status': { name: 'rack-1' },
  '/trace': {
    mac: MAC,
    machine: MACHINE,
    missed: 0,
    firstReportedMs: Date.parse(at(5)),
    steps: [KNOWN],
    waiting: 'its next boot; heard of 1 min 49 s ago',
  },
  '/why': {
    mac: MAC,
    basis: 'unseen',
    boots: [],
    obstacles: [],
    machine: { name: 'calm-ibis.maas', systemId: 'abc', status: 'Ready', purpose: 'poweroff' },
  },
  '/MAAS/api/2.0/events/': {
    events: [
      logged(9, 'rack-2', 'tftp.sent', 'Loaded ipxe.efi'),
      logged(8, 'rack-1', 'dhcp.offer', 'in the timeline, too'),
      logged(7, 'rack-2', 'dhcp.offer', 'Asked for an address'),
      logged(6, null, null, 'Commissioning'),
      logged(1, 'rack-1', 'dhcp.ack', 'Took an address long ago'),
    ],
  },
};

const FAILED = { status_name: 'Failed deployment', status_message: 'no disk fits' };

/** The output of a command if these are the machine's home racks. */
async function printed(racks: readonly string[], command: (config: string) => Promise<unknown>): Promise<string> {
  const stateDir = mkdtempSync(join(tmpdir(), 'rackboot-elsewhere-'));
  const config = join(stateDir, 'rackboot.yaml');
  writeFileSync(config, `name: rack-1\nstate_dir: ${stateDir}\nregion: { mode: embedded }\n`);
  const answers = new Map<string, unknown>([
    ...Object.entries(ANSWERS),
    ['/MAAS/api/2.0/machines/abc/', { ...FAILED, rack_names: racks }],
  ]);
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '', 'http://localhost');
    response.setHeader('Content-Type', 'application/json').end(JSON.stringify(answers.get(pathname)));
  });
  server.listen(join(stateDir, CONTROL_SOCKET));
  await once(server, 'listening');
  try {
    return (await printedBy(() => command(config))).text;
  } finally {
    server.close();
    rmSync(stateDir, { recursive: true });
  }
}

const traced = (racks: readonly string[], json = false): Promise<string> =>
  printed(racks, (config) =>
    traceMachine({ config, machine: MAC, follow: false, json, since: undefined }, () => Date.parse(at(10))),
  );
const why = (config: string) => explainMachine({ config, machine: MAC, arch: undefined, json: false });

/** The headings of a trace and the steps below them, without times. */
const linesOf = (said: string): readonly string[] =>
  said
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.replace(/^ .* {2}(?=\S)/, '- ').replace(/, \d{4}-.*/, ''));

test('trace prints every step of another rack under its name, and where to ask', async () => {
  assert.deepEqual(linesOf(await traced(['rack-2'])), [
    'before the rack started',
    '- Took an address long ago',
    'reported by rack rack-2',
    '- Asked for an address',
    '- Loaded ipxe.efi',
    'seen by this rack',
    '- The region knows it',
    'Its home is rack rack-2: run rackboot trace on the host of that rack.',
  ]);
});

test('trace of a machine of this rack and another says what it waits for here', async () => {
  const lines = linesOf(await traced(['rack-1', 'rack-2']));
  assert.equal(lines.at(-1), 'Waiting for its next boot; heard of 1 min 49 s ago.');
  assert.ok(lines.includes('before its first boot') && lines.includes('reported by rack rack-2'), lines.join('|'));
});

test('trace as JSON names the rack of each step that another rack reported', async () => {
  const { home, steps } = JSON.parse(await traced(['rack-2'], true));
  assert.deepEqual(home, ['rack-2']);
  assert.deepEqual(
    steps.map(({ rack }: { readonly rack?: string }) => rack),
    [undefined, 'rack-2', 'rack-2', undefined],
  );
});

test('why says why a machine failed', async () => {
  assert.match(await printed(['rack-1'], why), /^52:54:00:00:00:01 {2}calm-ibis.* Failed deployment: no disk fits$/m);
});

test('why names the home rack of a machine, and says to ask there', async () => {
  const ask = /^Its home is rack rack-2: run rackboot why on the host of that rack\.$/m;
  assert.match(await printed(['rack-2'], why), ask);
  assert.doesNotMatch(await printed(['rack-1'], why), ask);
  assert.doesNotMatch(await printed([], why), ask, 'it has no home rack yet');
});
