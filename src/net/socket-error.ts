// Turns the operating system's refusal of a socket into an error that names the address and the
// remedy. Shared by both implementations of the datagram port and by TCP listeners.

import { formatIpv4, type Ipv4 } from '../ground/address.ts';
import { osErrorCode, RackError } from '../ground/errors.ts';
import { findPortOwner } from './port-owner.ts';

/** The first port that needs no privilege on an ordinary Linux host. */
const UNPRIVILEGED_PORT_MIN = 1024;

/** The address, port or device that was requested. */
interface SocketAddress {
  readonly address: Ipv4;
  readonly port: number;
  readonly device?: string;
  /** Default: UDP. */
  readonly protocol?: 'TCP';
  /** The setting that names the place: `dns.listen`. */
  readonly setting?: string;
}

/** The failure `code` (`EADDRINUSE` …) of opening a socket, as the error that the operator reads. */
export function socketError(code: string, socket: SocketAddress, cause?: unknown): RackError {
  const endpoint = `${formatIpv4(socket.address)}:${socket.port}${socket.device === undefined ? '' : ` on ${socket.device}`}`;
  const protocol = socket.protocol ?? 'UDP';
  const options = cause === undefined ? undefined : { cause };
  switch (code) {
    case 'EADDRINUSE': {
      const owner = findPortOwner(protocol, socket.address, socket.port);
      const programText = owner === undefined ? 'the program that has it (ss -lntup tells which)' : 'that program';
      const changeText =
        socket.setting === undefined ? 'configure another address or port' : `change ${socket.setting}`;
      const text = `${endpoint} (${protocol}) is in use${owner === undefined ? '' : ` by ${owner}`}; stop ${programText}, or ${changeText}`;
      return new RackError('address-in-use', text, options);
    }
    case 'EACCES':
    case 'EPERM':
      return new RackError(
        'permission-denied',
        `${endpoint} (${protocol}): permission denied; ${composePrivilegeRemedy(socket)}`,
        options,
      );
    case 'EADDRNOTAVAIL':
      return new RackError(
        'address-not-here',
        `${formatIpv4(socket.address)} is not an address of this host; give it to an interface, or ${socket.setting === undefined ? 'configure another one' : `change ${socket.setting}`}`,
        options,
      );
    case 'ENODEV':
      return new RackError(
        'interface-missing',
        `there is no network interface ${socket.device ?? ''}; create it, or configure another one`,
        options,
      );
    default:
      return new RackError('socket-refused', `${endpoint} (${protocol}) cannot be opened: ${code}`, options);
  }
}

/** Like `socketError`, for an exception thrown by Node. */
export function toSocketError(error: unknown, socket: SocketAddress): RackError {
  return error instanceof RackError ? error : socketError(osErrorCode(error) ?? String(error), socket, error);
}

function composePrivilegeRemedy(socket: SocketAddress): string {
  if (socket.device === undefined || (socket.port !== 0 && socket.port < UNPRIVILEGED_PORT_MIN)) {
    return 'a port below 1024 needs CAP_NET_BIND_SERVICE: run the service by its systemd unit or as root, or configure a higher port';
  }
  return 'binding to a device needs CAP_NET_RAW here: run the service by its systemd unit or as root';
}
