// A rack that cannot start reports the cause and the remedy in one line; nothing is left half started, and
// once the cause is gone, the next start serves.
// @host waits, 70 s

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, describe, test } from 'node:test';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { AS_NOBODY, NOBODY } from '../support/another-user.ts';
import { missing } from '../support/needs.ts';
import { type Ended, RunningRack, runRackboot } from '../support/running-rack.ts';

const PLACE = labPlace(20);
const ADDRESS = `${PLACE.octets}.1`;
const MS_MAX = 60_000;
/** The command that gives the state directory to the refused user. */
const GIVE_TO_NOBODY = /: sudo chown -R nobody: \/\S+/;

/** One directory for all: every test takes its cause away again. */
const rack = new RunningRack(PLACE);
const GOOD = readFileSync(rack.configFile, 'utf8');
after(() => rack.remove());

const run = (as: readonly string[] = []): Promise<Ended> => runRackboot(['run', '--config', rack.configFile], { as });

/** The good configuration with one value replaced. */
function configureWith(from: string, to: string): void {
  assert.ok(GOOD.includes(from), from);
  rack.configure(GOOD.replace(from, to));
}

/** Exactly one line with all of `words`; the process ended and left no socket behind. */
function assertRefused(ended: Ended, ...words: readonly RegExp[]): void {
  assertReported(ended, ...words);
  assert.equal(existsSync(join(rack.stateDir, 'rackboot.sock')), false, 'no control socket is left');
}

/** The same with a leftover socket that this user may not remove. */
function assertReported(ended: Ended, ...words: readonly RegExp[]): void {
  const said = ended.complaints.join('\n');
  assert.equal(ended.code, 1, said || ended.output.join('\n'));
  assert.equal(ended.complaints.length, 1, said);
  assert.match(said, /^rackboot: /);
  for (const word of words) assert.match(said, word);
  assert.doesNotMatch(ended.output.join('\n'), /daemon\.ready|dhcp\.offer/, 'nobody was served before');
}

/** With the cause gone, a start serves. */
async function assertStarts(): Promise<void> {
  rack.configure(GOOD);
  await rack.startWhole();
  assert.equal((await rack.status()).region?.state, 'up');
  assert.equal(await rack.stop(), 0);
}

async function holdUdp(address: string, port: number): Promise<() => Promise<void>> {
  const socket = createSocket('udp4');
  socket.bind({ address, port, exclusive: true });
  await once(socket, 'listening');
  return () => new Promise((resolve) => socket.close(() => resolve()));
}

async function holdTcp(host: string, port: number): Promise<() => Promise<void>> {
  const server = createServer((socket) => socket.destroy()).listen({ host, port, exclusive: true });
  await once(server, 'listening');
  return () => new Promise((resolve) => server.close(() => resolve()));
}

describe('a port in use', { skip: missing('linux') }, () => {
  const { dhcpServerPort: dhcp, tftpPort: tftp, dnsPort: dns, httpPort: http, regionPort: region } = PLACE;
  const doors = [
    { name: 'DHCP, by a socket of every address', hold: () => holdUdp('0.0.0.0', dhcp), port: dhcp },
    { name: "DHCP, by a socket of the rack's address", hold: () => holdUdp(ADDRESS, dhcp), port: dhcp },
    { name: 'TFTP', hold: () => holdUdp(ADDRESS, tftp), port: tftp },
    { name: 'DNS by UDP', hold: () => holdUdp(ADDRESS, dns), port: dns },
    { name: 'DNS by TCP', hold: () => holdTcp(ADDRESS, dns), port: dns },
    { name: 'boot HTTP', hold: () => holdTcp(ADDRESS, http), port: http },
    { name: 'the region', hold: () => holdTcp('127.0.0.1', region), port: region },
  ];
  for (const { name, hold, port } of doors) {
    test(name, { timeout: MS_MAX }, async () => {
      const release = await hold();
      try {
        assertRefused(await run(), new RegExp(`:${port}\\b.* is in use`), /(stop|end) .*(change|configure)/);
      } finally {
        await release();
      }
    });
  }
  test('together with an address that is missing', { timeout: MS_MAX }, async () => {
    const release = await holdTcp(ADDRESS, http);
    try {
      configureWith(`["${ADDRESS}:${http}"]`, `["10.64.0.1:${http}", "${ADDRESS}:${http}"]`);
      assertRefused(await run(), new RegExp(`:${http}\\b.* is in use`));
    } finally {
      await release();
    }
  });

  test('is free again: the next start serves', { timeout: MS_MAX }, assertStarts);
});

describe('a missing privilege', { skip: missing('linux', 'root', 'setpriv') }, () => {
  const doors = [
    { port: 67, from: `server_port: ${PLACE.dhcpServerPort}`, to: 'server_port: 67' },
    { port: 69, from: `tftp: { listen_port: ${PLACE.tftpPort} }`, to: 'tftp: { listen_port: 69 }' },
    { port: 53, from: `listen_port: ${PLACE.dnsPort}`, to: 'listen_port: 53' },
    { port: 80, from: `${ADDRESS}:${PLACE.httpPort}`, to: `${ADDRESS}:80` },
    { port: 81, from: `127.0.0.1:${PLACE.regionPort}`, to: '127.0.0.1:81' },
  ];
  const floor = Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8'));
  for (const { port, from, to } of doors) {
    const skip = port < floor ? false : `needs net.ipv4.ip_unprivileged_port_start above ${port}`;
    test(`for port ${port}`, { skip, timeout: MS_MAX }, async () => {
      configureWith(from, to);
      execFileSync('chown', ['-R', `${NOBODY}:${NOBODY}`, rack.directory]);
      assertRefused(
        await run(AS_NOBODY),
        new RegExp(`:${port}\\b`),
        /permission denied|privilege/,
        /CAP_NET_BIND_SERVICE/,
      );
    });
  }
  test('is there again: the next start serves', { timeout: MS_MAX }, assertStarts);
});

describe('an unusable state directory', { skip: missing('linux') }, () => {
  /** Runs `work` with a small file system as state directory; `keepBytes` of it are free. */
  async function whileFull(keepBytes: number, work: () => Promise<void>): Promise<void> {
    const ballast = join(rack.stateDir, 'ballast');
    const { bavail, bsize } = statfsSync(rack.stateDir);
    writeFileSync(ballast, Buffer.alloc(bavail * bsize - keepBytes));
    try {
      await work();
    } finally {
      rmSync(ballast);
    }
  }

  test('is full', { skip: missing('root', 'mount'), timeout: MS_MAX }, async () => {
    rack.configure(GOOD);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'rackboot-start-full', rack.stateDir]);
    try {
      await whileFull(0, async () => assertRefused(await run(), /disk is full/, /make room/));
      await assertStarts();
      removeDatabases('region.db');
      await whileFull(64 * 1024, async () => assertRefused(await run(), /region\.db/, /disk is full/, /make room/));
      await assertStarts();
    } finally {
      execFileSync('umount', [rack.stateDir]);
    }
  });

  test('may not be written', { skip: missing('root', 'setpriv'), timeout: MS_MAX }, async () => {
    rack.configure(GOOD);
    execFileSync('chown', ['-R', '0:0', rack.stateDir]);
    chmodSync(rack.directory, 0o755);
    const where = new RegExp(rack.stateDir);
    assertRefused(await run(AS_NOBODY), where, /cannot be (written|created|made)/, GIVE_TO_NOBODY);
  });

  // As `sudo rackboot run` once left them in the state of the service.
  for (const file of ['leases.db', 'region.db']) {
    test(`has a ${file} that belongs to root`, { skip: missing('root', 'setpriv'), timeout: MS_MAX }, async () => {
      rack.configure(GOOD);
      for (const name of ['leases.db', 'region.db']) removeDatabases(name);
      chmodSync(rack.directory, 0o755);
      execFileSync('chown', ['-R', `${NOBODY}:${NOBODY}`, rack.stateDir]);
      writeFileSync(join(rack.stateDir, file), '', { mode: 0o600 });
      try {
        assertReported(
          await run(AS_NOBODY),
          new RegExp(file.replace('.', '\\.')),
          /it belongs to root/,
          GIVE_TO_NOBODY,
        );
      } finally {
        removeDatabases(file);
        execFileSync('chown', ['-R', '0:0', rack.stateDir]);
      }
    });
  }

  for (const before of [
    'a rack that was killed has left its socket',
    'it was never used',
    'a rack has ended there',
  ] as const) {
    test(`is read-only, and ${before}`, { skip: missing('root', 'mount'), timeout: MS_MAX }, async () => {
      rack.configure(GOOD);
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'rackboot-read-only', rack.stateDir]);
      try {
        if (before !== 'it was never used') {
          await rack.startWhole();
          if (before === 'a rack has ended there') await rack.stop();
          else await rack.kill();
        }
        execFileSync('mount', ['-o', 'remount,ro', rack.stateDir]);
        const [where, remedy] = [new RegExp(rack.stateDir), /read-only.*(mount|state_dir)/];
        (before.includes('killed') ? assertReported : assertRefused)(await run(), where, remedy);
        execFileSync('mount', ['-o', 'remount,rw', rack.stateDir]);
        await assertStarts();
      } finally {
        execFileSync('umount', [rack.stateDir]);
      }
    });
  }

  test("has the lock and the socket that another user's killed rack left", {
    skip: missing('root', 'setpriv'),
    timeout: MS_MAX,
  }, async () => {
    rack.configure(GOOD);
    await rack.startWhole();
    await rack.kill();
    chmodSync(rack.directory, 0o755);
    chmodSync(rack.stateDir, 0o755);
    assertReported(await run(AS_NOBODY), /rack\.lock cannot be written/, /it belongs to root/, GIVE_TO_NOBODY);
    const lock = join(rack.stateDir, 'rack.lock');
    execFileSync('chown', [String(NOBODY), lock]);
    assertReported(await run(AS_NOBODY), /rackboot\.sock/, /cannot be created: EACCES/, GIVE_TO_NOBODY);
    execFileSync('chown', ['0', lock]);
    await assertStarts();
  });

  test('may not be entered', { skip: missing('root', 'setpriv'), timeout: MS_MAX }, async () => {
    rack.configure(GOOD);
    chmodSync(rack.directory, 0o755);
    execFileSync('chown', ['-R', '0:0', rack.stateDir]);
    chmodSync(rack.stateDir, 0o700);
    assertRefused(await run(AS_NOBODY), new RegExp(rack.stateDir), /give|create/);
  });

  test('has another file in the place of the socket', { timeout: MS_MAX }, async () => {
    rack.configure(GOOD);
    mkdirSync(join(rack.stateDir, 'rackboot.sock'));
    try {
      assertReported(await run(), /rackboot\.sock is in the way/, /move it away/);
    } finally {
      rmSync(join(rack.stateDir, 'rackboot.sock'), { recursive: true });
    }
  });

  test('may not be made', { timeout: MS_MAX }, async () => {
    configureWith(`state_dir: ${JSON.stringify(rack.stateDir)}`, 'state_dir: /proc/rackboot');
    assertRefused(await run(), /state directory \/proc\/rackboot cannot be created/, /state_dir/);
  });

  test('is a file', { timeout: MS_MAX }, async () => {
    const file = join(rack.directory, 'a-file');
    writeFileSync(file, '');
    configureWith(`state_dir: ${JSON.stringify(rack.stateDir)}`, `state_dir: ${JSON.stringify(file)}`);
    assertRefused(await run(), /a-file/, /state_dir/);
  });

  test('is used by a rack that runs', { timeout: MS_MAX }, async () => {
    rack.configure(GOOD);
    await rack.startWhole();
    const second = await run();
    assert.equal(second.code, 1);
    assert.equal(second.complaints.length, 1, second.complaints.join('\n'));
    assert.match(second.complaints[0] ?? '', new RegExp(`already runs .*process ${rack.pid}.*stop it`));
    assert.equal((await rack.status()).region?.state, 'up', 'the first is not disturbed');
    await rack.stop();
    await assertStarts();
  });
});

function removeDatabases(name: string): void {
  for (const file of globSync(`${name}*`, { cwd: rack.stateDir })) rmSync(join(rack.stateDir, file));
  // It shows that region.db was there.
  if (name === 'region.db') rmSync(join(rack.stateDir, 'desired-state.json'), { force: true });
}

const DATABASES = ['leases.db', 'region.db'];

describe('an unusable database', { skip: missing('linux') }, () => {
  // Without its region a rack starts: e2e/region-damaged.
  const leases = join(rack.stateDir, 'leases.db');

  test('leases.db contains plain text', { timeout: MS_MAX }, async () => {
    rack.configure(GOOD);
    removeDatabases('leases.db');
    writeFileSync(leases, 'this is not a database, it is a letter. '.repeat(300));
    assertRefused(await run(), /leases\.db/, /backup|move/);
    removeDatabases('leases.db');
    await assertStarts();
  });

  test('a leases.db that is a link to itself is reported as a bad file, like any other file of the state, and not as a bug', {
    timeout: MS_MAX,
  }, async () => {
    rack.configure(GOOD);
    removeDatabases('leases.db');
    symlinkSync('leases.db', leases);
    assertRefused(await run(), /leases\.db is a link that leads to itself \(ELOOP\)/, /put the file itself/);
    removeDatabases('leases.db');
    removeDatabases('region.db');
    for (const name of ['region.db', 'desired-state.json']) symlinkSync(name, join(rack.stateDir, name));
    const from = rack.lines.length;
    await rack.start();
    const { reason } = await rack.reported('region.down', { from });
    assert.match(String(reason), /region\.db is a link that leads to itself \(ELOOP\)/);
    await rack.stop();
    removeDatabases('region.db');
    rmSync(join(rack.stateDir, 'desired-state.json'), { force: true });
    await assertStarts();
  });

  test('leases.db is damaged', { timeout: MS_MAX }, async () => {
    const whole = readFileSync(leases);
    // The page that holds the schema.
    writeFileSync(leases, Buffer.from(whole).fill(0xa5, 100, 4000));
    assertRefused(await run(), /leases\.db/, /backup/);
    writeFileSync(leases, whole);
  });

  for (const name of DATABASES) {
    const path = join(rack.stateDir, name);
    const where = new RegExp(name.replace('.', '\\.'));

    test(`${name} is of a newer Rackboot`, { timeout: MS_MAX }, async () => {
      const own = stamp(path, 1000);
      const before = readFileSync(path);
      assertRefused(await run(), where, /version 1000/, /newer Rackboot/);
      assert.deepEqual(readFileSync(path), before, 'it is left as it was');
      stamp(path, own);
    });
  }

  test('is whole again: the next start serves', { timeout: MS_MAX }, assertStarts);

  test('outbox.db is of a newer Rackboot', { timeout: MS_MAX }, async () => {
    const path = join(rack.stateDir, 'outbox.db');
    copyFileSync(new URL('../../fixtures/state/outbox-1.db', import.meta.url), path);
    stamp(path, 1000);
    rack.configure(GOOD.replace(/^region: .*$/m, 'region: { mode: remote, url: "http://127.0.0.1:9/MAAS" }'));
    assertRefused(await run(), /outbox\.db/, /version 1000/, /newer Rackboot/);
    removeDatabases('outbox.db');
    rack.configure(GOOD);
  });

  test('the desired state that a newer Rackboot cached is reported by name, and written again', {
    timeout: MS_MAX,
  }, async () => {
    const cache = join(rack.stateDir, 'desired-state.json');
    writeFileSync(cache, '{"schema":1000,"version":7,"machines":[]}');
    const from = rack.lines.length;
    await rack.startWhole();
    const { file, fault, found } = await rack.reported('region.cache', { from });
    assert.deepEqual([file, fault, found], [cache, 'other-schema', '1000']);
    await rack.stop();
    assert.doesNotMatch(readFileSync(cache, 'utf8'), /1000/);
  });
});

/** Sets the version of a database. @returns the former one */
function stamp(path: string, version: number): number {
  const database = new DatabaseSync(path);
  const before = Number(database.prepare('PRAGMA user_version').get()?.user_version);
  database.exec(`PRAGMA user_version = ${version}; PRAGMA wal_checkpoint(TRUNCATE)`);
  database.close();
  return before;
}

describe('an unusable configuration', { skip: missing('linux') }, () => {
  test('is not there', { timeout: MS_MAX }, async () => {
    rmSync(rack.configFile);
    assertRefused(await run(), /rackboot\.yaml/, /rackboot(?:\.js)? init/);
  });

  test('has problems: each has a line with its place', { timeout: MS_MAX }, async () => {
    rack.configure(GOOD.replace('management: 2', 'management: 7').concat('colour: blue\n'));
    const { code, complaints } = await run();
    assert.equal(code, 1);
    assert.equal(complaints.length, 2, complaints.join('\n'));
    assert.match(complaints.join('\n'), /rackboot\.yaml:6: cluster_interfaces\[0\]\.management: /);
    assert.match(complaints.join('\n'), /rackboot\.yaml:\d+: colour: unknown key/);
    configureWith('management: 2', 'management: 2\n    router_ip: 10.9.9.9');
    assertRefused(await run(), /rackboot\.yaml:7: cluster_interfaces\[0\]\.router_ip: .*10\.9\.9\.9/);
    rack.configure('{[');
    const broken = await run();
    assert.equal(broken.code, 1);
    for (const line of broken.complaints) assert.match(line, /rackboot\.yaml:\d+: not valid YAML/);
  });

  test('names a network that contains another interface', { timeout: MS_MAX }, async () => {
    configureWith('interface: lo', 'interface: rackboot9');
    const place = /rackboot\.yaml.*cluster_interfaces\[0\]\.network/;
    assertRefused(await run(), place, /overlaps 127\.0\.0\.0\/8.* on lo; choose/);
    await assertStarts();
  });
});
