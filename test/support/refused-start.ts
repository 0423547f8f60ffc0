// A rack that cannot start, and its only line about the cause: what `e2e/start-failures.test.ts` and the long suite's further cases share.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { chmodSync, existsSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { AS_NOBODY, NOBODY } from './another-user.ts';
import { type Ended, RunningRack, runRackboot } from './running-rack.ts';

export const PLACE = labPlace(20);
export const ADDRESS = `${PLACE.octets}.1`;
/** The command that gives the state directory to the refused user. */
export const GIVE_TO_NOBODY = /: sudo chown -R nobody: \/\S+/;

/** One directory for all: every test takes its cause away again. */
export const rack = new RunningRack(PLACE);
export const GOOD = readFileSync(rack.configFile, 'utf8');

export const run = (as: readonly string[] = []): Promise<Ended> =>
  runRackboot(['run', '--config', rack.configFile], { as });

/** The good configuration with one value replaced. */
export function configureWith(from: string, to: string): void {
  assert.ok(GOOD.includes(from), from);
  rack.configure(GOOD.replace(from, to));
}

/** Exactly one line with all of `words`; the process ended and left no socket behind. */
export function assertRefused(ended: Ended, ...words: readonly RegExp[]): void {
  assertReported(ended, ...words);
  assert.equal(existsSync(join(rack.stateDir, 'rackboot.sock')), false, 'no control socket is left');
}

/** The same with a leftover socket that this user may not remove. */
export function assertReported(ended: Ended, ...words: readonly RegExp[]): void {
  const said = ended.complaints.join('\n');
  assert.equal(ended.code, 1, said || ended.output.join('\n'));
  assert.equal(ended.complaints.length, 1, said);
  assert.match(said, /^rackboot: /);
  for (const word of words) assert.match(said, word);
  assert.doesNotMatch(ended.output.join('\n'), /daemon\.ready|dhcp\.offer/, 'nobody was served before');
}

/** With the cause gone, a start serves. */
export async function assertStarts(): Promise<void> {
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

export async function holdTcp(host: string, port: number): Promise<() => Promise<void>> {
  const server = createServer((socket) => socket.destroy()).listen({ host, port, exclusive: true });
  await once(server, 'listening');
  return () => new Promise((resolve) => server.close(() => resolve()));
}

export function removeDatabases(name: string): void {
  for (const file of globSync(`${name}*`, { cwd: rack.stateDir })) rmSync(join(rack.stateDir, file));
  // It shows that region.db was there.
  if (name === 'region.db') rmSync(join(rack.stateDir, 'desired-state.json'), { force: true });
}

/** Sets the version of a database. @returns the former one */
export function stamp(path: string, version: number): number {
  const database = new DatabaseSync(path);
  const before = Number(database.prepare('PRAGMA user_version').get()?.user_version);
  database.exec(`PRAGMA user_version = ${version}; PRAGMA wal_checkpoint(TRUNCATE)`);
  database.close();
  return before;
}

const { dhcpServerPort: dhcp, tftpPort: tftp, dnsPort: dns, httpPort: http, regionPort: region } = PLACE;

/** Sockets of another program at the rack's ports; the first ones are in the short suite. */
export const DOORS = [{ name: 'DHCP, by a socket of every address', hold: () => holdUdp('0.0.0.0', dhcp), port: dhcp }];
export const FURTHER_DOORS = [
  { name: 'DNS by TCP', hold: () => holdTcp(ADDRESS, dns), port: dns },
  { name: 'the region', hold: () => holdTcp('127.0.0.1', region), port: region },
  { name: "DHCP, by a socket of the rack's address", hold: () => holdUdp(ADDRESS, dhcp), port: dhcp },
  { name: 'TFTP', hold: () => holdUdp(ADDRESS, tftp), port: tftp },
  { name: 'DNS by UDP', hold: () => holdUdp(ADDRESS, dns), port: dns },
  { name: 'boot HTTP', hold: () => holdTcp(ADDRESS, http), port: http },
];

/** Ports that need a privilege. */
export const PRIVILEGED = [{ port: 69, from: `tftp: { listen_port: ${tftp} }`, to: 'tftp: { listen_port: 69 }' }];
export const FURTHER_PRIVILEGED = [
  { port: 67, from: `server_port: ${dhcp}`, to: 'server_port: 67' },
  { port: 81, from: `127.0.0.1:${region}`, to: '127.0.0.1:81' },
  { port: 53, from: `listen_port: ${dns}`, to: 'listen_port: 53' },
  { port: 80, from: `${ADDRESS}:${http}`, to: `${ADDRESS}:80` },
];

/** The daemon does not start while another program has the port. */
export async function assertRefusedWhileHeld({ hold, port }: (typeof DOORS)[number]): Promise<void> {
  rack.configure(GOOD);
  const release = await hold();
  try {
    assertRefused(await run(), new RegExp(`:${port}\\b.*, which .* belong`), /(stop|end) .*(change|configure)/);
  } finally {
    await release();
  }
}

const FLOOR = Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8'));

/** Why the host cannot show that a port needs a privilege; false: it can. */
export const anyUserMayServe = (port: number): string | false =>
  port < FLOOR ? false : `needs net.ipv4.ip_unprivileged_port_start above ${port}`;

/** The daemon does not start for a user who may not serve the port. */
export async function assertRefusedWithoutPrivilege({ port, from, to }: (typeof PRIVILEGED)[number]): Promise<void> {
  configureWith(from, to);
  execFileSync('chown', ['-R', `${NOBODY}:${NOBODY}`, rack.directory]);
  assertRefused(await run(AS_NOBODY), new RegExp(`:${port}\\b`), /permission denied|privilege/, /CAP_NET_BIND_SERVICE/);
}

/** A state directory that became read-only `before` the start; once it can be written again, a start serves. */
export async function assertRefusedReadOnly(
  before: 'a rack that was killed has left its socket' | 'it was never used' | 'a rack has ended there',
): Promise<void> {
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
}

/** A database that belongs to root, as `sudo rackboot run` once left it in the state of the service. */
export async function assertRefusedRootsDatabase(file: string): Promise<void> {
  rack.configure(GOOD);
  for (const name of ['leases.db', 'region.db']) removeDatabases(name);
  chmodSync(rack.directory, 0o755);
  execFileSync('chown', ['-R', `${NOBODY}:${NOBODY}`, rack.stateDir]);
  writeFileSync(join(rack.stateDir, file), '', { mode: 0o600 });
  try {
    assertReported(await run(AS_NOBODY), new RegExp(file.replace('.', '\\.')), /it belongs to root/, GIVE_TO_NOBODY);
  } finally {
    removeDatabases(file);
    execFileSync('chown', ['-R', '0:0', rack.stateDir]);
  }
}

/** A database that a newer Rackboot has written; it is left as it was. */
export async function assertRefusedNewer(name: string): Promise<void> {
  const path = join(rack.stateDir, name);
  const own = stamp(path, 1000);
  const before = readFileSync(path);
  assertRefused(await run(), new RegExp(name.replace('.', '\\.')), /version 1000/, /newer Rackboot/);
  assert.deepEqual(readFileSync(path), before, 'it is left as it was');
  stamp(path, own);
}
