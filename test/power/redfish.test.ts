// The Redfish driver against a simulated BMC with the quirks of makes; Debian's redfishtool and sushy judge the BMC itself.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { systemClock } from '../../src/ground/clock.ts';
import { performCommand } from '../../src/power/command.ts';
import type { PowerDeps, PowerPort } from '../../src/power/driver.ts';
import type { PowerOutcome } from '../../src/power/outcome.ts';
import { redfish } from '../../src/power/redfish.ts';
import { makeAuthority } from '../support/authority.ts';
import { missing } from '../support/needs.ts';
import { PASSWORD, RedfishBmc, type RedfishOptions, USER } from '../support/redfish-bmc.ts';
import { textOf } from '../support/sentences.ts';

const run = promisify(execFile);
const NETBOOT = { kind: 'on', netboot: true } as const;

describe('Redfish', { skip: missing('openssl') }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'rackboot-redfish-'));
  let pair: RedfishOptions['pair'];
  let otherPair: RedfishOptions['pair'];

  before(() => {
    const authority = makeAuthority(directory, systemClock.wallTimeMs());
    const read = ({ cert, key }: { readonly cert: string; readonly key: string }) => ({
      cert: readFileSync(cert, 'utf8'),
      key: readFileSync(key, 'utf8'),
    });
    pair = read(authority.issue('bmc'));
    otherPair = read(authority.issue('other'));
  });
  after(() => rmSync(directory, { recursive: true, force: true }));

  interface Rig {
    readonly bmc: RedfishBmc;
    readonly kept: string[];
    port(values?: Record<string, string>): PowerPort;
    perform(command: Parameters<typeof performCommand>[1], values?: Record<string, string>): Promise<PowerOutcome>;
  }

  async function withBmc(options: Omit<RedfishOptions, 'pair'>, work: (rig: Rig) => Promise<void>): Promise<void> {
    const bmc = await RedfishBmc.start({ pair, ...options });
    const kept: string[] = [];
    const deps: PowerDeps = {
      clock: systemClock,
      sshIdentity: () => assert.fail('no key is needed'),
      keepCertificate: async (machine, fingerprint) => void kept.push(`${machine} ${fingerprint}`),
    };
    const port = (values: Record<string, string> = {}): PowerPort => {
      const all = { power_address: `127.0.0.1:${bmc.port}`, power_user: USER, power_pass: PASSWORD, ...values };
      const opened = redfish.open('abc', all, deps);
      if (opened.kind !== 'open') assert.fail(JSON.stringify(opened));
      return opened.port;
    };
    const perform: Rig['perform'] = (command, values) =>
      performCommand(port(values), command, { clock: systemClock, signal: new AbortController().signal });
    try {
      await work({ bmc, kept, port, perform });
    } finally {
      await bmc.close();
    }
  }

  test('on with the network first, cycle, soft and hard off: each reset once, each session ended', () =>
    withBmc({}, async ({ bmc, perform }) => {
      const system = bmc.system();
      assert.deepEqual([(await perform({ kind: 'query' })).state, bmc.sessions.size], ['off', 0]);
      assert.deepEqual([(await perform(NETBOOT)).kind, system.isOn, system.bootsFrom], ['done', true, 'Pxe']);
      assert.equal((await perform({ kind: 'cycle', netboot: false })).state, 'on');
      assert.equal((await perform({ kind: 'off', manner: 'soft' })).kind, 'done');
      assert.equal((await perform({ kind: 'on', netboot: false })).state, 'on');
      assert.equal((await perform({ kind: 'off', manner: 'hard' })).state, 'off');
      assert.deepEqual(system.resets, ['On', 'ForceOff', 'On', 'GracefulShutdown', 'On', 'ForceOff']);
      assert.equal(bmc.sessions.size, 0);
      const isOpen = ({ path, method }: (typeof bmc.asked)[number]): boolean =>
        path === '/redfish/v1' || (method === 'POST' && path.endsWith('/Sessions'));
      assert.ok(bmc.asked.every((asked) => isOpen(asked) === (asked.auth === 'none')));
    }));

  test('what is on already is not switched on again, nor off', () =>
    withBmc({}, async ({ bmc, perform }) => {
      const system = bmc.system();
      assert.equal((await perform({ kind: 'off', manner: 'hard' })).state, 'off');
      system.isOn = true;
      assert.equal((await perform({ kind: 'on', netboot: false })).state, 'on');
      assert.deepEqual(system.resets, []);
    }));

  const MAKES: readonly (readonly [name: string, options: Omit<RedfishOptions, 'pair'>])[] = [
    ['without sessions, by basic authentication', { hasSessions: false }],
    ['that demands If-Match', { needsCondition: true }],
    ['whose ETag changes at each reading', { needsCondition: true, changesEtag: true }],
    ['that takes the boot device at its settings', { hasSettings: true }],
    ['that lists resets in its ActionInfo', { lists: 'info' }],
    ['that lists nothing', { lists: 'nowhere' }],
    ['that knows only ForceOn', { resets: ['ForceOn', 'ForceOff'] }],
    ['that has only the power button', { resets: ['PushPowerButton', 'ForceOff'] }],
  ];
  for (const [name, options] of MAKES)
    test(`a BMC ${name} starts its machine from the network, and switches it off`, () =>
      withBmc(options, async ({ bmc, perform }) => {
        const started = await perform(NETBOOT);
        assert.deepEqual([started.kind, started.state], ['done', 'on'], textOf(started));
        assert.equal(bmc.system().bootsFrom, 'Pxe', textOf(started));
        assert.equal((await perform({ kind: 'off', manner: 'hard' })).state, 'off');
        assert.equal(bmc.system().resets.length, 2);
      }));

  test('UEFI HTTP boot is taken where there is no PXE; without both, the machine starts anyway, and that is told', async () => {
    await withBmc({ targets: ['Hdd', 'UefiHttp'] }, async ({ bmc, perform }) => {
      assert.equal((await perform(NETBOOT)).kind, 'done');
      assert.equal(bmc.system().bootsFrom, 'UefiHttp');
    });
    await withBmc({ targets: ['Hdd'] }, async ({ bmc, perform }) => {
      const started = await perform(NETBOOT);
      assert.deepEqual([started.kind, started.detail.code, bmc.system().isOn], ['done', 'no-network-boot', true]);
    });
  });

  test('of several systems, one is named, by its Id or its path; without that, the refusal lists them', () =>
    withBmc({ systems: ['node-1', 'node-2'] }, async ({ bmc, perform }) => {
      const unnamed = await perform({ kind: 'on', netboot: false });
      assert.equal(unnamed.kind, 'refused');
      assert.match(textOf(unnamed), /node_id.*node-1, node-2/);
      assert.match(textOf(await perform({ kind: 'query' }, { node_id: 'node-3' })), /no system.*node-1/);
      assert.equal((await perform({ kind: 'on', netboot: false }, { node_id: 'node-2' })).state, 'on');
      assert.equal((await perform({ kind: 'query' }, { node_id: '/redfish/v1/Systems/node-1' })).state, 'off');
      assert.deepEqual([bmc.system('node-1').isOn, bmc.system('node-2').isOn], [false, true]);
    }));

  test('a wrong password is tried once, and told without it', () =>
    withBmc({}, async ({ bmc, perform }) => {
      const refused = await perform({ kind: 'on', netboot: false }, { power_pass: 'hunter 2' });
      assert.deepEqual([refused.kind, bmc.refusedLogins, bmc.system().resets], ['wrong-credentials', 1, []]);
      assert.doesNotMatch(JSON.stringify(refused), /hunter/);
    }));

  test('an expired session is replaced once, and nothing is done twice', () =>
    withBmc({}, async ({ bmc, port }) => {
      const { signal } = new AbortController();
      const opened = port();
      assert.equal((await opened.query(signal)).state, 'off');
      bmc.sessions.clear();
      assert.equal((await opened.on(signal)).kind, 'done');
      assert.deepEqual(bmc.system().resets, ['On']);
      await opened.close?.(signal);
      assert.equal(bmc.sessions.size, 0);
    }));

  test('a BMC that restarts is waited for', () =>
    withBmc({}, async ({ bmc, perform }) => {
      bmc.busyAnswers = 2;
      assert.equal((await perform({ kind: 'on', netboot: false })).state, 'on');
      assert.deepEqual(bmc.system().resets, ['On']);
    }));

  test('after a lost answer, the state decides, and the reset is not repeated', () =>
    withBmc({}, async ({ bmc, perform }) => {
      bmc.lostAnswers = 1;
      assert.equal((await perform({ kind: 'on', netboot: false })).state, 'on');
      assert.deepEqual(bmc.system().resets, ['On']);
    }));

  test('a BMC that accepts a reset and does nothing is not believed', () =>
    withBmc({}, async ({ bmc, port }) => {
      bmc.isLying = true;
      const stop = new AbortController();
      systemClock.schedule(2500, () => stop.abort());
      const options = { clock: systemClock, signal: stop.signal };
      const result = await performCommand(port(), { kind: 'on', netboot: false }, options);
      assert.deepEqual([result.kind, result.detail.code, bmc.system().resets], ['unknown', 'not-seen', ['On']]);
    }));

  test('the first certificate is kept; with another one, nothing is sent', () =>
    withBmc({}, async ({ bmc, kept, perform }) => {
      assert.equal((await perform({ kind: 'query' })).kind, 'done');
      assert.deepEqual(kept, [`abc ${bmc.fingerprint}`]);
      const pinned = { power_certificate: bmc.fingerprint };
      assert.equal((await perform({ kind: 'query' }, pinned)).state, 'off');
      const spelled = `SHA256:${bmc.fingerprint.toUpperCase().replaceAll(/(..)(?=.)/g, '$1:')}`;
      assert.equal((await perform({ kind: 'query' }, { power_certificate: spelled })).state, 'off');
      assert.equal(kept.length, 1);
      const other = await RedfishBmc.start({ pair: otherPair });
      try {
        const changed = await perform({ kind: 'query' }, { ...pinned, power_address: `127.0.0.1:${other.port}` });
        assert.deepEqual([changed.kind, changed.detail.code, other.asked], ['refused', 'certificate-changed', []]);
        assert.ok(textOf(changed).includes(other.fingerprint) && textOf(changed).includes(bmc.fingerprint));
        const unknown = await perform({ kind: 'query' }, { power_certificate: 'known' });
        assert.deepEqual([unknown.kind, unknown.detail.code], ['refused', 'certificate-untrusted']);
      } finally {
        await other.close();
      }
    }));

  const HOSTILE: readonly (readonly [name: string, status: number, body: string, kind: PowerOutcome['kind']])[] = [
    ['no JSON', 200, '<html>', 'refused'],
    ['another service', 200, '{"hello":1}', 'refused'],
    ['a deep answer', 200, '['.repeat(100_000), 'refused'],
    ['a huge answer', 200, `{"a":"${'x'.repeat(4 * 1024 * 1024)}"}`, 'refused'],
    ['a redirect', 302, 'https://127.0.0.1:1/', 'refused'],
    ['links to elsewhere', 200, '{"RedfishVersion":"1","Systems":{"@odata.id":"http://x/redfish/v1"}}', 'refused'],
    ['an error of its own', 500, `{"error":{"@Message.ExtendedInfo":[{"Message":"${'y'.repeat(9999)}"}]}}`, 'refused'],
  ];
  for (const [name, status, body, kind] of HOSTILE)
    test(`${name} is refused, and no password is in the outcome`, () =>
      withBmc({}, async ({ bmc, perform }) => {
        bmc.answerInstead = (path) => (path.endsWith('/Sessions') ? undefined : { status, body });
        const result = await perform({ kind: 'query' });
        assert.equal(result.kind, kind, JSON.stringify(result));
        assert.ok(JSON.stringify(result).length < 1000 && !JSON.stringify(result).includes(PASSWORD));
      }));

  test('nobody there: nothing was switched; a slow BMC ends with the command', () =>
    withBmc({}, async ({ bmc, perform, port }) => {
      const nowhere = await perform({ kind: 'on', netboot: false }, { power_address: '127.0.0.1:1' });
      assert.equal(nowhere.kind, 'unreachable');
      bmc.slowMs = 30_000;
      const abort = new AbortController();
      systemClock.schedule(200, () => abort.abort());
      assert.equal((await port().query(abort.signal)).detail.code, 'cancelled');
    }));

  test(
    'redfishtool of Debian finds it, switches it, and sets its boot device',
    {
      skip: missing('redfishtool'),
    },
    () =>
      withBmc({}, async ({ bmc }) => {
        const login = ['-r', `127.0.0.1:${bmc.port}`, '-u', USER, '-p', PASSWORD, '-S', 'Always'];
        const tool = async (...words: string[]) => (await run('redfishtool', [...login, ...words])).stdout;
        assert.match(await tool('-A', 'Session', 'Systems', '-I', '1', 'get'), /"PowerState": "Off"/);
        await tool('-A', 'Basic', 'Systems', '-I', '1', 'reset', 'On');
        await tool('-A', 'Session', 'Systems', '-I', '1', 'setBootOverride', 'Once', 'Pxe');
        const system = bmc.system();
        assert.deepEqual([system.isOn, system.bootsFrom, system.resets], [true, 'Pxe', ['On']]);
      }),
  );

  test(
    'sushy of Debian finds it, switches it, and sets its boot device',
    { skip: missing('/usr/lib/python3/dist-packages/sushy') },
    () =>
      withBmc({}, async ({ bmc }) => {
        const program = [
          'import sushy, sys',
          `service = sushy.Sushy("https://127.0.0.1:${bmc.port}/redfish/v1", username=sys.argv[1], password=sys.argv[2], verify=sys.argv[3])`,
          'system = service.get_system("/redfish/v1/Systems/1")',
          'print(system.power_state)',
          'system.reset_system(sushy.RESET_ON)',
          'system.set_system_boot_options(target=sushy.BOOT_SOURCE_TARGET_PXE, enabled=sushy.BOOT_SOURCE_ENABLED_ONCE)',
        ].join('\n');
        const { stdout } = await run('/usr/bin/python3', ['-c', program, USER, PASSWORD, join(directory, 'ca.pem')], {
          // The certificates of a proxy of this host would be taken instead.
          env: { PATH: process.env.PATH },
        });
        assert.match(stdout, /off/i);
        assert.deepEqual([bmc.system().isOn, bmc.system().bootsFrom], [true, 'Pxe']);
      }),
  );
});
