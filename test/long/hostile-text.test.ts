// Hostile text from every source that the rack accepts (hostile-sources.ts), and how it is shown: no command, log line, metric or page has
// a control character of it or active markup; where the text is shown, it has escapes instead. The commands are those of the parser's own
// table, the pages those of the region's, so additions there are tested without a change here. They run in one process, one after the other.
// @host alone

import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { MACHINE_ACTIONS } from '../../src/region/page/machines/machine-actions.ts';
import { PAGES } from '../../src/region/page/routes.ts';
import { openRegionStore } from '../../src/store/sqlite/region-sqlite.ts';
import { CHANGING_LINES } from '../e2e/changing-commands.ts';
import { FURTHER_SOURCES, withPrograms } from '../e2e/hostile-others.ts';
import {
  CLIENT_MAC,
  command,
  FAR_MAC,
  HOSTILE,
  HOSTILE_TARGET,
  RACK,
  RELAYED_MAC,
  type Strangers,
  sourcesOf,
} from '../e2e/hostile-sources.ts';
import { ManyCommands } from '../e2e/many-commands.ts';
import { RackNetwork } from '../e2e/rack-network.ts';
import { rackAuthorization } from '../region/racks/rack-place.ts';
import { type TabledCommand, tabledCommands } from '../support/command-table.ts';
import { missing } from '../support/needs.ts';
import { type Ended, eventually } from '../support/running-rack.ts';

const skip = missing('linux', 'root', 'ip', 'busybox', 'udhcpc', 'dnsmasq', 'dig', 'curl', 'tcpdump');
const PASSWORD = 'correct horse battery';
/** All that `src/ground/clean-text.ts` escapes but line ends. */
const UNFIT = /(?!\n)[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\p{Cs}]/u;
/** Markup of HOSTILE that a browser would act on: in no page are these the page's own. */
const MARKUP = /<evil|["'] ?evil=|&lt;(?=["'\s]|$)/;
/** Shown in place of ESC or the CSI: proof that the text came this far. */
const ESCAPE = /\\(x|u00)(1b|9b)/;

const CONFIG = (log?: string): string => `cluster_interfaces:
  - name: lab
    interface: br0
    management: 2
    ip: ${RACK}
    network: 10.77.19.0/24
    ip_range_low: 10.77.19.100
    ip_range_high: 10.77.19.110
    # Of the lease files: no client that comes before may be given one of these.
    hosts:
      - { mac: "52:54:00:77:19:a1", ip: 10.77.19.105 }
      - { mac: "52:54:00:77:19:a2", ip: 10.77.19.106 }
      - { mac: "52:54:00:77:19:a4", ip: 10.77.19.107 }
dns: { upstream: [10.77.19.66] }
metrics: { listen: ["127.0.0.1:9109"] }
log: { level: debug${log === undefined ? '' : `, file: ${log}`} }
`;

/** Commands that are not run, by why they are not. Their output leaves by the same functions (test/ground/clean-text.test.ts). */
const NOT_RUN: Readonly<Record<string, string>> = {
  'continues until it is ended, or tries the whole product': 'run lab warm',
  'makes the configuration of a host that has no rack': 'init',
  'moves a whole region, which must not run': 'region.copy',
  'fetches packages of a distribution': 'images.build images.import-installer images.make-debian',
  'asks a region with the key of a profile': 'login logout maas',
  'removes everything that the other commands show': 'reset',
  'shows nothing from outside': 'completion',
  'asks sites of the Internet': 'images.available images.check-sources images.import images.mirror',
  'writes a file that it refuses to replace': 'images.export',
};
const LEFT = new Set(Object.values(NOT_RUN).flatMap((words) => words.split(' ').map((one) => one.replace('.', ' '))));
/** Whether a line is of this command. */
const isOf = (words: string, line: string): boolean => `${line} `.startsWith(`${words} `);
const isChanging = (words: string): boolean => CHANGING_LINES.some((line) => isOf(words, line));

/** The words for an argument of a name, in every command that takes one; CAPTURE stands for the capture of the test. */
const ARGUMENTS: Readonly<Record<string, readonly string[]>> = {
  machine: [CLIENT_MAC, FAR_MAC],
  wanted: [RELAYED_MAC, '10.77.19.105'],
  files: ['CAPTURE'],
  file: ['CAPTURE'],
  key: ['cluster_interfaces'],
  script: ['lies'],
  what: [CLIENT_MAC],
  name: ['curtin'],
  source: ['ubuntu'],
};
/** Arguments that are left out: with them a command changes something, or asks something else. */
const LEFT_OUT = new Set(['room', 'level', 'check file']);
/** Further options by which a command shows something else. */
const FURTHER: Readonly<Record<string, readonly string[]>> = {
  events: ['--level debug --limit 500', '--level debug --limit 500 --json'],
  outbox: ['--dead'],
  'leases list': ['--csv'],
  check: ['--diff'],
  'scripts results': ['--all'],
};

/** A command with its arguments, in each way in which it can be asked. */
function linesOf({ words, demanded, optional, options }: TabledCommand): readonly string[] {
  const given = (names: readonly string[]): readonly string[] =>
    names.reduce<readonly string[]>(
      (lines, name) => lines.flatMap((line) => (ARGUMENTS[name] ?? [`no-${name}`]).map((value) => `${line} ${value}`)),
      [words],
    );
  const kept = optional.filter((name) => !LEFT_OUT.has(name) && !LEFT_OUT.has(`${words} ${name}`));
  const all = kept.length === 0 ? given(demanded) : [...given(demanded), ...given([...demanded, ...kept])];
  const [first = words] = all;
  const json = options.has('json') ? all.map((line) => `${line} --json`) : [];
  return [...all, ...json, ...(FURTHER[words] ?? []).map((more) => `${first} ${more}`)];
}

/** The names for a file in a line that changes something. */
const given: Readonly<Record<string, string>> = {
  PASSWORD: 'password',
  KEYS: 'keys',
  SCRIPT: 'changing',
  LEASES: 'dnsmasq.leases',
  IMAGE: 'image',
};
const SCRIPT =
  '#!/bin/sh\n# --- Start MAAS 1.0 script metadata ---\n# name: changing\n# --- End MAAS 1.0 script metadata ---\n';
const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA8bW2X0aH3kQf7tqS8lB2oHnq1cQm8mYl9o6jH2b2vT';

/** The words for a part of a page's path. */
const PARTS: Readonly<Record<string, readonly string[]>> = {
  action: MACHINE_ACTIONS.flatMap(({ name, where }) => (where === undefined ? [] : [name])),
  task: ['on', 'off', 'cycle', 'query'],
  tag: ['marked'],
  script: ['lies'],
  image: ['1'],
  source: ['1'],
};
const encoded = encodeURIComponent(HOSTILE);
/** Requests for a page by hostile links. */
const LINKS = [
  `/MAAS/?q=${encoded}&owner=${encoded}&status=${encoded}`,
  `/MAAS/login/?to=${encoded}`,
  `/MAAS/machines/${encoded}/`,
  `/MAAS/tags/${encoded}/`,
];

function assertFit(what: string, text: string, unfit = UNFIT): void {
  const at = text.search(unfit);
  assert.equal(at, -1, `${what} shows ${JSON.stringify(text.slice(Math.max(0, at - 80), at + 40))}`);
}

describe('text from outside', { skip }, () => {
  let rack: RackNetwork;
  let strangers: Strangers;
  let commands: ManyCommands;
  let log = '';
  let capture = '';
  /** All that was shown, by what showed it. */
  const shown = new Map<string, string>();
  const sources = sourcesOf(async () => {
    const store = openRegionStore({ stateDir: rack.stateDir });
    try {
      const machine = (await store.listMachines({}, 0, 10)).find(({ bootToken }) => bootToken !== undefined);
      const { systemId, bootToken } = machine ?? assert.fail('no machine is at work');
      const drawn = { consumerKey: 'consumer', tokenKey: 'token', tokenSecret: 'secret', createdMs: 0 };
      const key = (await store.life.machineKey(systemId)) ?? (await store.life.keepMachineKey({ systemId, ...drawn }));
      if (key === undefined || bootToken === undefined) assert.fail('the machine has no key');
      const authorization = rackAuthorization(key.tokenKey, key.tokenSecret).replace('"rack"', `"${key.consumerKey}"`);
      return { systemId, bootToken, authorization };
    } finally {
      await store.close();
    }
  }).concat(FURTHER_SOURCES);

  before(async () => {
    rack = new RackNetwork('text', RACK);
    log = join(rack.directory, 'rackboot.log');
    capture = join(rack.directory, 'wire.pcap');
    const host = (name: string, mac: string): string => rack.namespace.addHost(name, mac);
    const other = host('other', '52:54:00:77:19:66');
    const speaker = host('speaker', '52:54:00:77:19:67');
    strangers = { rack, other, speaker, client: host('client', CLIENT_MAC), said: [] };
    await rack.run(other, 'ip', 'address', 'add', '10.77.19.66/24', 'dev', 'eth0');
    await rack.run(speaker, 'ip', 'address', 'add', '10.77.19.67/24', 'dev', 'eth0');
    for (const { begin } of sources) await begin?.(strangers);
    writeFileSync(join(rack.tree, 'small'), 'a small file');
    for (const [name, text] of Object.entries({ keys: `${KEY} somebody\n`, changing: SCRIPT, image: 'x'.repeat(4096) }))
      writeFileSync(join(rack.directory, name), text);
    rack.configure(CONFIG());
    await rack.start(...withPrograms(strangers));
    // The daemon's own output is read as JSON; a file keeps the octets.
    rack.configure(CONFIG(log));
    await eventually('the log is a file', () => existsSync(log));
    commands = new ManyCommands(rack.configFile, rack.namespace);
    await eventually('the other server is found', async () =>
      (await ask('status')).out.includes('another DHCP server'),
    );
    const password = join(rack.directory, 'password');
    writeFileSync(password, `${PASSWORD}\n`, { mode: 0o600 });
    await command(strangers, 'createadmin', '--username', 'ann', '--password-file', password);
    await command(strangers, 'tags', 'add', 'marked');
    const boot = openRegionStore({ stateDir: rack.stateDir });
    const reason = { code: 'said', params: { said: HOSTILE } } as const;
    const said = { source: HOSTILE, title: HOSTILE, reason, serial: '20261015' };
    const name = 'ubuntu/noble/amd64/generic/release';
    await boot.boot.noteProgress(new Map([[name, { ...said, state: 'failed', bytes: 1, total: 2 }]]), 1);
    await boot.boot.changeRun({ skipped: [{ name: HOSTILE, reason }] });
    await boot.close();
    const dump = rack.launch(
      undefined,
      'tcpdump',
      '-Z',
      'root',
      '-U',
      '--immediate-mode',
      '-s',
      '0',
      '-i',
      'br0',
      '-w',
      capture,
      'udp',
    );
    await eventually('tcpdump listens', () => dump.text().includes('listening on'));
    for (const { name, speak } of sources) {
      await speak?.(strangers).catch((cause: unknown) => {
        throw new Error(`${name} cannot speak`, { cause });
      });
    }
    await eventually('all is captured', async () =>
      (await rack.run(undefined, 'tcpdump', '-n', '-r', capture)).out.includes('evil.maas'),
    );
    await dump.end('SIGINT');
  });
  after(async () => {
    await commands?.end();
    await rack?.remove();
  });

  const ask = (words: string): Promise<Ended> => commands.rackboot(...words.split(' '));

  for (const tabled of tabledCommands().filter(({ words }) => !LEFT.has(words) && !isChanging(words))) {
    for (const line of linesOf(tabled)) {
      test(`rackboot ${line} shows no active escape sequence`, async () => {
        const { code, out, err } = await ask(line.replace('CAPTURE', capture));
        shown.set(line, out + err);
        assertFit(line, out + err);
        assert.ok(code === 0 || code === 1, `exit code ${code}: give its arguments in ARGUMENTS: ${out}${err}`);
        assert.doesNotMatch(err, /a bug/);
      });
    }
  }

  for (const words of [
    ['events', '--level', 'debug'],
    ['events', '--level', 'debug', '--json'],
    ['trace', CLIENT_MAC],
    ['trace', CLIENT_MAC, '--json'],
  ]) {
    test(`rackboot ${words.join(' ')} --follow shows text from outside as escapes, as it comes`, async () => {
      const following = rack.launch(undefined, ...rack.words(...words, '--follow'));
      await eventually('it has begun', () => following.text() !== '');
      const before = following.text().length;
      await rack.run(strangers.client, 'curl', '-s', '-m', '5', `http://${RACK}:5248${HOSTILE_TARGET}`);
      await eventually('it is told', () => ESCAPE.test(following.text().slice(before)));
      assertFit(words.join(' '), following.text());
      await following.end('SIGINT');
    });
  }

  test('the log has the hostile text without active escape sequences', async () => {
    const text = await eventually('all of it is in the log', () => {
      const lines = readFileSync(log, 'utf8');
      const has = (event: string): boolean =>
        lines.split('\n').some((line) => line.includes(event) && ESCAPE.test(line));
      return ['"tftp.', '"http.'].every(has) && lines;
    });
    shown.set('the log', text);
    assertFit('the log', text);
    for (const line of text.trimEnd().split('\n')) JSON.parse(line);
  });

  test('the metrics show no hostile text', async () => {
    const { out } = await rack.run(undefined, 'curl', '-sSf', 'http://127.0.0.1:9109/metrics');
    assert.notEqual(out, '');
    assertFit('metrics', out);
  });

  test('no hostile text is in the messages of commands meanwhile', () => {
    assert.ok(strangers.said.length > 0);
    for (const [index, text] of strangers.said.entries()) {
      shown.set(`message ${index} of a command meanwhile`, text);
      assertFit('a command', text);
    }
  });

  /** Asks for a page as an administrator. */
  async function look(path: string): Promise<{ readonly status: string; readonly text: string }> {
    const words = ['-w', '\n%{http_code}', '-u', `ann:${PASSWORD}`, `http://127.0.0.1:5240${path}`];
    const { out } = await rack.run(undefined, 'curl', '-sS', '-m', '20', '--path-as-is', ...words);
    const end = out.lastIndexOf('\n');
    const [status, text] = [out.slice(end + 1), out.slice(0, end)];
    shown.set(path, text);
    assertFit(path, text);
    assertFit(path, text, MARKUP);
    return { status, text };
  }

  for (const { path } of PAGES) {
    test(`the page ${path} shows escapes, and no markup from outside`, async () => {
      const machines: { readonly system_id: string }[] = JSON.parse((await ask('machines list --json')).out);
      const parts = { ...PARTS, machine: machines.map(({ system_id: id }) => id) };
      const paths = [...path.matchAll(/:(\w+)/g)].reduce<readonly string[]>(
        (found, [mark, name = '']) =>
          found.flatMap((one) => (parts[name as keyof typeof parts] ?? []).map((value) => one.replace(mark, value))),
        [path],
      );
      assert.ok(paths.length > 0, 'say in PARTS what stands in this path');
      const statuses = new Set<string>();
      for (const one of paths) statuses.add((await look(one)).status);
      assert.ok(statuses.has('200'), [...statuses].join());
    });
  }

  for (const path of LINKS) {
    test(`a hostile link to ${path.slice(0, 24)} … injects nothing active`, async () => {
      const { text } = await look(path);
      assert.match(text, /<html/i);
    });
  }

  for (const line of CHANGING_LINES) {
    test(`rackboot ${line}, which changes something, shows no active escape sequence`, async () => {
      const { code, out, err } = await ask(
        line.replace(/\b(?:PASSWORD|KEYS|SCRIPT|LEASES|IMAGE)\b/, (name) => join(rack.directory, given[name] ?? '')),
      );
      shown.set(line, out + err);
      assertFit(line, out + err);
      // A refusal of the region or the rack is one line with the reason; a refusal of the parser comes with its help.
      assert.ok(code === 0 || code === 1 || code === 2, `exit code ${code}: ${out}${err}`);
      assert.doesNotMatch(out + err, /a bug|^See .* --help\.$/m);
      assert.notEqual(out + err, '');
    });
  }

  test('a command whose error quotes hostile text shows it as escapes', () => {
    assert.match(shown.get(`power on ${CLIENT_MAC} --wait`) ?? '', ESCAPE);
  });

  // Last: all of them have been asked.
  for (const { name, shows } of sources) {
    for (const mark of shows) {
      test(`${name}: ${mark} is shown somewhere, with escapes`, () => {
        const wanted = typeof mark === 'string' ? new RegExp(`${mark}\\\\+(x|u00)(1b|9b)`) : mark;
        const where = [...shown].filter(([, text]) => wanted.test(text)).map(([what]) => what);
        assert.notDeepEqual(where, []);
      });
    }
  }
});
