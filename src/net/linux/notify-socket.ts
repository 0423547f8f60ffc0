// Reports this process's state to the service manager (systemd), by datagrams. Sources:
// sd_notify(3), sd_watchdog_enabled(3), systemd.exec(5), unix(7).
//
// 1. Sending never waits and never throws: if the manager does not read, messages are lost.
// 2. Each message names the socket again, so it reaches a restarted manager.
// 3. The variables leave the environment, so that child programs do not report in this process's name.

import { cleanText } from '../../ground/clean-text.ts';
import type { HostNote } from '../host-note.ts';
import { findErrorName, type Libc, loadLibc } from './libc.ts';
import { AF_UNIX, encodeUnixAddress, MSG_DONTWAIT, MSG_NOSIGNAL, SOCK_DGRAM, SOCK_FLAGS } from './wire-structs.ts';

/** The manager shows one line. */
export const STATUS_BYTES_MAX = 500;
/** A shorter watchdog, in microseconds, could not be served alongside other work. */
const WATCHDOG_US_MIN = 100_000;
const WATCHDOG_US_MAX = 86_400_000_000;

export interface NotifyOptions {
  /** A path, or an abstract name with a leading `@`. */
  readonly socket: string;
  /** How often to report being alive, in milliseconds; `undefined` if never. */
  readonly watchdogMs: number | undefined;
}

/** The assignments of a message, of sd_notify(3): `READY`, `STATUS`, `WATCHDOG` … */
export type Notice = Readonly<Record<string, string>>;

export interface NotifySocket {
  send(notice: Notice): boolean;
  close(): void;
}

/**
 * Reads and removes the manager's options for the process `pid`. `undefined` if no manager expects
 * reports.
 */
export function takeNotifyOptions(environment: NodeJS.ProcessEnv, pid: number): NotifyOptions | undefined {
  const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: interval, WATCHDOG_PID: watchedPid } = environment;
  for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete environment[name];
  if (socket === undefined || socket === '') return undefined;
  const microseconds = interval !== undefined && /^\d{1,15}$/.test(interval) ? Number(interval) : 0;
  const isForThisProcess = watchedPid === undefined || watchedPid === String(pid);
  const isInRange = microseconds >= WATCHDOG_US_MIN && microseconds <= WATCHDOG_US_MAX;
  return { socket, watchdogMs: isForThisProcess && isInRange ? microseconds / 1000 : undefined };
}

/** A notice as text, without line breaks in its values; long values are cut. */
export function formatNotice(notice: Notice): string {
  return Object.entries(notice)
    .map(([name, value]) => `${name}=${truncateStatus(cleanText(value.replace(/\s+/g, ' ')))}`)
    .join('\n');
}

/** Cuts a status between whole characters. */
function truncateStatus(text: string): string {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length <= STATUS_BYTES_MAX) return text;
  return `${bytes.toString('utf8', 0, STATUS_BYTES_MAX - 3).replace(/\ufffd+$/, '')}…`;
}

/** If the manager cannot be reached, `onTrouble` is called once. @throws as `loadLibc` */
export function openNotifySocket(socket: string, onTrouble: (note: HostNote) => void): NotifySocket {
  const silentSocket: NotifySocket = { send: () => false, close: () => undefined };
  const address = encodeUnixAddress(socket);
  if (address === undefined) {
    onTrouble({ note: 'manager-socket-invalid', name: JSON.stringify(socket.slice(0, 200)) });
    return silentSocket;
  }
  const libc = loadLibc();
  const fd = libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_FLAGS, 0);
  if (fd < 0) {
    onTrouble({ note: 'manager-unreached', reason: findErrorName(libc.errno()) });
    return silentSocket;
  }
  return new LinuxNotifySocket(libc, fd, address, onTrouble);
}

class LinuxNotifySocket implements NotifySocket {
  readonly #libc: Libc;
  readonly #address: Uint8Array;
  #onTrouble: ((note: HostNote) => void) | undefined;
  #fd: number;

  constructor(libc: Libc, fd: number, address: Uint8Array, onTrouble: (note: HostNote) => void) {
    this.#libc = libc;
    this.#fd = fd;
    this.#address = address;
    this.#onTrouble = onTrouble;
  }

  send(notice: Notice): boolean {
    if (this.#fd < 0) return false;
    const bytes = Buffer.from(formatNotice(notice), 'utf8');
    const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    const sentBytes = this.#libc.sendto(this.#fd, bytes, bytes.length, flags, this.#address, this.#address.length);
    if (sentBytes === bytes.length) return true;
    const code = sentBytes < 0 ? findErrorName(this.#libc.errno()) : 'EMSGSIZE';
    // A full queue will empty; any other error is reported once.
    if (code !== 'EAGAIN' && code !== 'EINTR') {
      this.#onTrouble?.({ note: 'manager-refuses', reason: code });
      this.#onTrouble = undefined;
    }
    return false;
  }

  close(): void {
    if (this.#fd >= 0) this.#libc.close(this.#fd);
    this.#fd = -1;
  }
}
