// Checks that a lab's ports are free before it starts anything. The error for a port in use names
// the process that holds it.

import { createServer } from 'node:net';
import { readUserName } from '../files/ownership.ts';
import { ANY, parseIpv4 } from '../ground/address.ts';
import { osErrorCode, RackError } from '../ground/errors.ts';
import { findParent, findPortOwners, type PortOwner, type PortProcess } from '../net/port-owner.ts';
import { LAB_DIRECTORY, type LabRack } from './lab-files.ts';

/** @throws RackError `address-in-use` with the address and the remedy */
export async function checkPorts(racks: readonly Pick<LabRack, 'place'>[]): Promise<void> {
  for (const [index, { place }] of racks.entries()) {
    if (index === 0) await checkPort('127.0.0.1', place.regionPort);
    await checkPort(`${place.octets}.1`, place.httpPort);
  }
}

/** Opens a port for a moment. @throws RackError `address-in-use` */
export async function checkPort(host: string, port: number): Promise<void> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, resolve);
    });
  } catch (cause) {
    if (osErrorCode(cause) !== 'EADDRINUSE') throw cause;
    throw portInUse(host, port, cause);
  } finally {
    server.close();
  }
}

/** The error for a port that another process holds. */
function portInUse(host: string, port: number, cause: unknown): RackError {
  const [owner] = findPortOwners('TCP', parseIpv4(host) ?? ANY, port);
  const parent = owner?.process && findParent(owner.process.pid);
  return new RackError('address-in-use', `${host}:${port} is in use ${describeOwner(owner, port, parent)}`, { cause });
}

/**
 * Describes the owner of a port and the remedy, which must never be to end a rack that machines
 * depend on. Pure.
 * @param parent the process that started the owner; undefined if unknown
 */
export function describeOwner(owner: PortOwner | undefined, port: number, parent?: PortProcess): string {
  const hint = `\`sudo ss -ltnp sport = :${port}\` shows its process`;
  if (owner === undefined) return `by a process that this user cannot see; the lab needs this port. ${hint}`;
  const { process: program, uid } = owner;
  const user = readUserName(uid);
  if (program === undefined)
    return `by a process of user ${user}, which may be a rack that machines depend on; the lab needs this port. ${hint}`;
  const processText = `process ${program.pid} of user ${user}`;
  if (isLab(program.commandLine)) {
    // A lab's rack ends with its lab, but not the other way round.
    const isRackOfLab = isRack(program.commandLine) && parent !== undefined && isLab(parent.commandLine);
    const labPid = isRackOfLab ? parent.pid : program.pid;
    const labText = `process ${labPid} of user ${user}`;
    return `by another lab (${labText}): only one lab can run on a host at a time. End it with Ctrl-C where it runs, or with \`kill ${labPid}\``;
  }
  if (isRack(program.commandLine)) {
    return (
      `by a rack that runs on this host (${processText}), and machines may depend on it; the lab needs this port. ` +
      'Try the lab on another host, or while that rack is stopped'
    );
  }
  return `by ${program.name} (${processText}); the lab needs this port`;
}

const isCommand = (words: readonly string[], command: string): boolean => {
  const programIndex = words.findIndex((word) => /(?:^|\/)(?:rackboot(?:\.js)?|main\.[jt]s)$/.test(word));
  return programIndex >= 0 && words.indexOf(command, programIndex + 1) >= 0;
};
const isRack = (words: readonly string[]): boolean => isCommand(words, 'run');
/** True for a lab, and for a lab's rack, whose configuration is in the lab's directory. */
const isLab = (words: readonly string[]): boolean =>
  isCommand(words, 'lab') || (isRack(words) && words.some((word) => word.includes(`/${LAB_DIRECTORY}`)));
