// The driver `command`: an operator's program, and those that Rackboot brings against services that answer as the real ones do.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { TLSSocket } from 'node:tls';
import { systemClock } from '../../src/ground/clock.ts';
import { type PowerCommand, performCommand } from '../../src/power/command.ts';
import { commandDriver } from '../../src/power/command-driver.ts';
import type { PowerOutcome } from '../../src/power/outcome.ts';
import { makeAuthority } from '../support/authority.ts';
import { missing } from '../support/needs.ts';
import { textOf } from '../support/sentences.ts';

const PASSWORD = 'a "quoted" \\ word';
const QUERY = { kind: 'query' } as const;
const ON = { kind: 'on', netboot: false } as const;
const OFF = { kind: 'off', manner: 'hard' } as const;

describe('the driver command', { skip: missing('linux', 'root', 'curl', 'openssl') }, () => {
  const scratch = mkdtempSync(join(tmpdir(), 'rackboot-programs-'));
  const programs = join(scratch, 'power');
  before(() => mkdirSync(programs, { mode: 0o755 }));
  after(() => rmSync(scratch, { recursive: true, force: true }));

  const perform = async (
    command: PowerCommand,
    values: Record<string, string>,
    signal = new AbortController().signal,
  ): Promise<PowerOutcome> => {
    const deps = { clock: systemClock, sshIdentity: () => assert.fail('no key is needed'), programs };
    const opened = commandDriver.open('abc', values, deps);
    if (opened.kind !== 'open') assert.fail(JSON.stringify(opened));
    return await performCommand(opened.port, command, { clock: systemClock, signal });
  };

  function write(name: string, body: string): string {
    const path = join(programs, name);
    writeFileSync(path, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
    return path;
  }

  test('an operator’s program gets its action, and the parameters in its environment alone', async () => {
    const state = join(scratch, 'state');
    write(
      'own',
      `echo "$# $1 $POWER_MACHINE $POWER_ADDRESS $POWER_USER $POWER_PASS $POWER_ID" >>${state}.asked
case $1 in on | off) echo "$1" >${state} ;; query) cat ${state} 2>/dev/null || echo off ;; *) exit 64 ;; esac`,
    );
    const values = {
      power_command: 'own',
      power_address: '10.0.0.9',
      power_user: 'u',
      power_pass: 'p w',
      power_id: '7',
    };
    assert.equal((await perform(QUERY, values)).state, 'off');
    const started = await perform({ kind: 'on', netboot: true }, values);
    assert.deepEqual([started.kind, started.state, started.detail.code], ['done', 'on', 'no-network-boot']);
    assert.equal((await perform(OFF, values)).state, 'off');
    assert.equal(readFileSync(`${state}.asked`, 'utf8').split('\n')[0], '1 query abc 10.0.0.9 u p w 7');
  });

  const ENDS: readonly (readonly [name: string, body: string, kind: PowerOutcome['kind'], said: RegExp])[] = [
    ['a refusal', 'echo "no such relay" >&2; exit 1', 'refused', /no such relay/],
    ['nobody there', 'echo gone >&2; exit 69', 'unreachable', /gone/],
    ['a refused login', 'exit 77', 'wrong-credentials', /77/],
    ['an aborted program', 'kill -9 $$', 'unknown', /did not end in time/],
    ['a secret on its output', 'echo "the password hunter2 is wrong" >&2; exit 1', 'refused', /password ••••/],
  ];
  for (const [name, body, kind, said] of ENDS)
    test(`${name} is told`, async () => {
      write('ends', body);
      const result = await perform(ON, { power_command: 'ends', power_pass: 'hunter2' });
      assert.equal(result.kind, kind, JSON.stringify(result));
      assert.match(textOf(result), said);
      assert.doesNotMatch(JSON.stringify(result), /hunter2/);
    });

  test('a program that hangs is killed with what it started, and it is unknown what it did', async () => {
    write('hangs', 'sleep 600 & wait');
    const stop = new AbortController();
    systemClock.schedule(300, () => stop.abort());
    assert.equal((await perform(ON, { power_command: 'hangs' }, stop.signal)).kind, 'unknown');
  });

  test('a state is only the word on or off', async () => {
    write('babbles', 'echo "only half"');
    assert.deepEqual((await perform(QUERY, { power_command: 'babbles' })).state, 'unknown');
  });

  test('only programs that root alone may change are run; a missing one and a path are refused', async () => {
    const path = write('open', 'echo on');
    const run = async () => (await perform(QUERY, { power_command: 'open' })).detail.code;
    assert.equal(await run(), 'acknowledged');
    for (const mode of [0o775, 0o757]) {
      chmodSync(path, mode);
      assert.equal(await run(), 'power-program-open', mode.toString(8));
    }
    chmodSync(path, 0o755);
    chownSync(path, 65_534, 0);
    assert.equal(await run(), 'power-program-open');
    chownSync(path, 0, 0);
    chmodSync(programs, 0o777);
    assert.equal(await run(), 'power-program-open');
    chmodSync(programs, 0o755);
    chmodSync(path, 0o644);
    assert.equal(await run(), 'no-power-program');
    symlinkSync('/nowhere', join(programs, 'dangling'));
    for (const power_command of ['dangling', 'absent'])
      assert.equal((await perform(QUERY, { power_command })).kind, 'refused', power_command);
    const isGood = (power_command: string): boolean =>
      commandDriver.open('', { power_command }, { clock: systemClock, sshIdentity: () => assert.fail() }).kind ===
      'open';
    for (const name of ['../own', '/bin/sh', '.hidden', 'a b', '-x']) assert.ok(!isGood(name), name);
  });

  /** A service that answers as `serve` says, for as long as `work` runs. */
  async function withService(
    serve: (request: IncomingMessage, body: string, response: ServerResponse) => void,
    work: (address: string) => Promise<void>,
    tls?: { readonly cert: string; readonly key: string; readonly ca: string },
  ): Promise<void> {
    const listener: RequestListener = (request, response) =>
      void text(request).then((body) => serve(request, body, response));
    const server =
      tls === undefined
        ? createServer(listener)
        : createTlsServer({ ...tls, requestCert: true, rejectUnauthorized: false }, listener);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    try {
      await work(`127.0.0.1:${typeof address === 'object' ? address?.port : ''}`);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  }

  /** True for the right answer to a challenge (RFC 7616); otherwise the challenge is sent. */
  function isLoggedIn(
    request: IncomingMessage,
    response: ServerResponse,
    login: { readonly user: string; readonly algorithm: 'MD5' | 'SHA-256' },
  ): boolean {
    const { user, algorithm } = login;
    const digest = (value: string): string =>
      createHash(algorithm === 'MD5' ? 'md5' : 'sha256')
        .update(value)
        .digest('hex');
    const sent = Object.fromEntries(
      [...(request.headers.authorization ?? '').matchAll(/(\w+)="?([^",]+)"?/g)].map(([, name = '', value]) => [
        name,
        value,
      ]),
    );
    const first = digest(`${user}:it:${PASSWORD}`);
    const second = digest(`${request.method}:${sent.uri}`);
    const wanted = digest([first, sent.nonce, sent.nc, sent.cnonce, sent.qop, second].join(':'));
    if (sent.response === wanted) return true;
    const challenge = `Digest realm="it", nonce="n7", qop="auth", algorithm=${algorithm}`;
    response.writeHead(401, { 'www-authenticate': challenge }).end();
    return false;
  }

  /** On, off and a refused login, by a program that Rackboot brings. */
  async function proves(values: Record<string, string>, wrong: Record<string, string> | undefined): Promise<void> {
    assert.equal((await perform(QUERY, values)).state, 'off');
    const started = await perform(ON, values);
    assert.deepEqual([started.kind, started.state], ['done', 'on'], JSON.stringify(started));
    assert.equal((await perform(OFF, values)).state, 'off');
    if (wrong !== undefined) {
      const refused = await perform(ON, { ...values, ...wrong });
      assert.equal(refused.kind, 'wrong-credentials', JSON.stringify(refused));
    }
    const nowhere = await perform(ON, { ...values, power_address: '127.0.0.1:1' });
    assert.equal(nowhere.kind, 'unreachable', JSON.stringify(nowhere));
  }

  test('Tasmota', async () => {
    const relays = new Map([
      ['Power', 'OFF'],
      ['Power2', 'OFF'],
    ]);
    await withService(
      (request, _body, response) => {
        const { searchParams: sent } = new URL(request.url ?? '', 'http://plug');
        const [name = '', word] = (sent.get('cmnd') ?? '').split(' ');
        if (sent.get('user') !== 'admin' || sent.get('password') !== PASSWORD)
          return response.end('{"WARNING":"Need user=<username>&password=<password>"}');
        if (word !== undefined) relays.set(name, word.toUpperCase());
        return response.end(JSON.stringify({ [name.toUpperCase()]: relays.get(name) }));
      },
      async (power_address) => {
        const login = { power_user: 'admin', power_pass: PASSWORD };
        await proves({ power_command: 'tasmota', power_address, ...login }, { power_pass: 'wrong' });
        await perform(ON, { power_command: 'tasmota', power_address, power_id: '2', ...login });
        assert.deepEqual([...relays.values()], ['OFF', 'ON']);
      },
    );
  });

  test('Shelly of the first generation, with basic authentication', async () => {
    let isOn = false;
    await withService(
      (request, _body, response) => {
        const url = new URL(request.url ?? '', 'http://plug');
        if (url.pathname === '/shelly') return response.end('{"type":"SHPLG-S","auth":true}');
        const wanted = `Basic ${Buffer.from(`admin:${PASSWORD}`).toString('base64')}`;
        if (request.headers.authorization !== wanted)
          return response.writeHead(401, { 'www-authenticate': 'Basic realm="it"' }).end();
        isOn = { on: true, off: false }[url.searchParams.get('turn') ?? ''] ?? isOn;
        return response.end(JSON.stringify({ ison: isOn, has_timer: false }));
      },
      (power_address) =>
        proves({ power_command: 'shelly', power_address, power_pass: PASSWORD }, { power_pass: 'wrong' }),
    );
  });

  test('Shelly of the second generation, with digest authentication', async () => {
    let isOn = false;
    await withService(
      (request, _body, response) => {
        const url = new URL(request.url ?? '', 'http://plug');
        if (url.pathname === '/shelly') return response.end('{"id":"shellyplugus","gen":2,"auth_en":true}');
        if (!isLoggedIn(request, response, { user: 'admin', algorithm: 'SHA-256' })) return undefined;
        if (url.pathname === '/rpc/Switch.Set') isOn = url.searchParams.get('on') === 'true';
        return response.end(JSON.stringify({ id: 0, output: isOn, was_on: !isOn }));
      },
      (power_address) =>
        proves({ power_command: 'shelly', power_address, power_pass: PASSWORD }, { power_pass: 'wrong' }),
    );
  });

  test('Proxmox VE', async () => {
    let status = 'stopped';
    const authority = makeAuthority(scratch, systemClock.wallTimeMs());
    const files = authority.issue('proxmox');
    const tls = { cert: readFileSync(files.cert, 'utf8'), key: readFileSync(files.key, 'utf8'), ca: '' };
    await withService(
      (request, _body, response) => {
        if (request.headers.authorization !== `PVEAPIToken=root@pam!rack=s-3`) return response.writeHead(401).end();
        const [, word] = /^\/api2\/json\/nodes\/pve\/qemu\/100\/status\/(\w+)$/.exec(request.url ?? '') ?? [];
        if (request.method === 'POST' && word === 'start') status = 'running';
        if (request.method === 'POST' && word === 'stop') status = 'stopped';
        return response.end(JSON.stringify({ data: word === 'current' ? { status, vmid: 100 } : 'UPID:pve' }));
      },
      (power_address) => {
        const login = { power_user: 'root@pam!rack', power_pass: 's-3' };
        return proves({ power_command: 'proxmox', power_address, power_id: 'pve/100', ...login }, { power_pass: 'x' });
      },
      tls,
    );
  });

  test('AMT, with digest authentication', async () => {
    let state = 8;
    await withService(
      (request, body, response) => {
        if (!isLoggedIn(request, response, { user: 'admin', algorithm: 'MD5' })) return undefined;
        const [, wanted] = /<r:PowerState>(\d)<\/r:PowerState>/.exec(body) ?? [];
        if (request.url !== '/wsman' || !body.startsWith('<s:Envelope')) return response.writeHead(400).end();
        if (wanted === undefined) return response.end(`<a:Body><h:PowerState>${state}</h:PowerState></a:Body>`);
        state = Number(wanted);
        return response.end('<a:Body><g:RequestPowerStateChange_OUTPUT><g:ReturnValue>0</g:ReturnValue></a:Body>');
      },
      (power_address) => proves({ power_command: 'amt', power_address, power_pass: PASSWORD }, { power_pass: 'wrong' }),
    );
  });

  test('LXD, by a certificate', async () => {
    const { caFile, issue } = makeAuthority(scratch, systemClock.wallTimeMs());
    const [server, client] = [issue('lxd-host'), issue('rack')];
    copyFileSync(client.cert, join(programs, 'lxd.crt'));
    copyFileSync(client.key, join(programs, 'lxd.key'));
    let status = 'Stopped';
    let isTrusted = true;
    await withService(
      (request, body, response) => {
        const socket = request.socket instanceof TLSSocket ? request.socket : assert.fail();
        if (!socket.authorized || !isTrusted) return response.writeHead(403).end();
        if (request.url !== '/1.0/instances/web/state?project=lab') return response.writeHead(404).end();
        if (request.method === 'PUT') {
          status = JSON.parse(body).action === 'start' ? 'Running' : 'Stopped';
          return response.writeHead(202).end('{"type":"async"}');
        }
        return response.end(JSON.stringify({ type: 'sync', metadata: { status, status_code: 103 } }));
      },
      async (power_address) => {
        const values = { power_command: 'lxd', power_address, power_id: 'web?project=lab' };
        await proves(values, undefined);
        isTrusted = false;
        assert.equal((await perform(ON, values)).kind, 'wrong-credentials');
      },
      {
        cert: readFileSync(server.cert, 'utf8'),
        key: readFileSync(server.key, 'utf8'),
        ca: readFileSync(caFile, 'utf8'),
      },
    );
  });

  test('ESXi, by SSH', async () => {
    const bin = join(scratch, 'bin');
    mkdirSync(bin);
    const state = join(scratch, 'esxi');
    const ssh = `#!/bin/sh
for last; do :; done
case "$*" in *127.0.0.1:1*) exit 255 ;; *"-i ${programs}/esxi_key root@esx "*) ;; *) exit 9 ;; esac
case $last in
  'vim-cmd vmsvc/power.on 12') echo on >${state}; echo 'Powering on VM:' ;;
  'vim-cmd vmsvc/power.off 12') echo off >${state}; echo 'Powering off VM:' ;;
  'vim-cmd vmsvc/power.getstate 12') echo 'Retrieved runtime info'; echo "Powered $(cat ${state} 2>/dev/null || echo off)" ;;
  *) exit 8 ;;
esac
`;
    writeFileSync(join(bin, 'ssh'), ssh, { mode: 0o755 });
    const path = process.env.PATH;
    process.env.PATH = `${bin}:${path}`;
    try {
      const values = { power_command: 'esxi', power_address: 'esx', power_id: '12' };
      await proves(values, undefined);
      assert.match(textOf(await perform(ON, { ...values, power_id: '1; reboot' })), /number of the machine/);
    } finally {
      process.env.PATH = path;
    }
  });
});
