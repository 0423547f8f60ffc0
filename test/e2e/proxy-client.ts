// A client of two DHCP servers at a time, in a namespace of its own: asks several questions at once, and tells everything it hears within a moment. Run as a
// program it is the client; imported it starts that program.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { z } from 'zod';
import {
  BOOT_REQUEST,
  BROADCAST_FLAG,
  clientRequest,
  decodeDhcpMessage,
  encodeDhcpMessage,
} from '../../src/dhcp/wire/message.ts';
import {
  addressBytes,
  MESSAGE_TYPE,
  OPTION,
  optionAddress,
  optionText,
  optionU8,
  textBytes,
  u8Bytes,
} from '../../src/dhcp/wire/options.ts';
import { ANY, formatIpv4, mac as macOf, parseIpv4, parseMac } from '../../src/ground/address.ts';
import { copyBytes } from '../../src/ground/borrowed-bytes.ts';
import { sleep } from '../../src/ground/clock.ts';
import type { Destination } from '../../src/net/datagrams/datagram.ts';
import { openNetwork } from '../../src/net/datagrams/udp-linux.ts';

/** How long it listens. */
const LISTEN_MS = 4000;
/** Of the first question; each has its own. */
const XID = 0x70707000;
const DEVICE = 'eth0';
/** The address that the client has in its namespace. */
const OWN = '10.77.0.150';

const askedShape = z.object({
  type: z.enum(['discover', 'request', 'inform']),
  vendorClass: z.string(),
  mac: z.string().optional(),
  architecture: z.number().optional(),
  /** Asks this address; undefined: all hosts, by broadcast. */
  to: z.string().optional(),
  port: z.number().optional(),
  /** The server that it takes (54) and the address that it wants (50). */
  chosen: z.string().optional(),
  wanted: z.string().optional(),
});
/** The client's request. */
export type Asked = z.infer<typeof askedShape>;

const heardShape = z.object({
  type: z.number(),
  server: z.string(),
  address: z.string(),
  next: z.string(),
  file: z.string(),
  vendorClass: z.string(),
  /** Option 43 in hexadecimal digits. */
  control: z.string(),
  fromPort: z.number(),
});
/** The answers that the client gets from one server. */
export type Heard = z.infer<typeof heardShape>;

/** Asks all this as clients in the namespace `host`. @returns for each question every answer within LISTEN_MS */
export async function askAsClients(host: string, asked: readonly Asked[]): Promise<readonly (readonly Heard[])[]> {
  const args = ['netns', 'exec', host, process.execPath, import.meta.filename, JSON.stringify(asked)];
  const { stdout } = await promisify(execFile)('ip', args, { timeout: 15_000 });
  return z.array(z.array(heardShape)).parse(JSON.parse(stdout));
}

const addressOf = (text: string | undefined) => (text === undefined ? undefined : parseIpv4(text));

function messageOf(asked: Asked, xid: number): Uint8Array {
  const { type, vendorClass, architecture, mac = '52:54:00:77:03:01' } = asked;
  const options = new Map<number, Uint8Array>([
    [OPTION.messageType, u8Bytes(MESSAGE_TYPE[type])],
    [OPTION.vendorClass, textBytes(vendorClass)],
  ]);
  if (architecture !== undefined) options.set(OPTION.clientArchitecture, Uint8Array.of(0, architecture));
  const [chosen, wanted] = [addressOf(asked.chosen), addressOf(asked.wanted)];
  if (chosen !== undefined) options.set(OPTION.serverIdentifier, addressBytes(chosen));
  if (wanted !== undefined) options.set(OPTION.requestedAddress, addressBytes(wanted));
  // A client that asks a boot server has an address by then.
  const ciaddr = asked.port === undefined ? ANY : (addressOf(OWN) ?? ANY);
  return encodeDhcpMessage(
    clientRequest(parseMac(mac) ?? macOf(0), options, { xid, flags: BROADCAST_FLAG, ciaddr }),
    1472,
  ).bytes;
}

function read(bytes: Uint8Array, fromPort: number, xid: number): Heard | undefined {
  const decoded = decodeDhcpMessage(bytes);
  if (!decoded.ok || decoded.value.xid !== xid || decoded.value.op === BOOT_REQUEST) return undefined;
  const { options, yiaddr, siaddr, file } = decoded.value;
  return {
    type: optionU8(options, OPTION.messageType) ?? 0,
    server: formatIpv4(optionAddress(options, OPTION.serverIdentifier) ?? ANY),
    address: formatIpv4(yiaddr),
    next: formatIpv4(siaddr),
    file: optionText(options, OPTION.bootFileName) ?? file,
    vendorClass: optionText(options, OPTION.vendorClass) ?? '',
    control: Buffer.from(options.get(43) ?? []).toString('hex'),
    fromPort,
  };
}

async function askOnce(asked: readonly Asked[]): Promise<readonly (readonly Heard[])[]> {
  const heard = asked.map((): Heard[] => []);
  const network = await openNetwork();
  const socket = await network.open({
    address: ANY,
    port: 68,
    device: DEVICE,
    broadcast: true,
    shared: true,
    source: addressOf(OWN) ?? ANY,
    onDatagrams: (datagrams) => {
      for (const { bytes, fromPort } of datagrams) {
        heard.forEach((list, index) => {
          const answer = read(copyBytes(bytes), fromPort, XID + index);
          if (answer !== undefined) list.push(answer);
        });
      }
    },
  });
  asked.forEach((question, index) => {
    const port = question.port ?? 67;
    const address = addressOf(question.to);
    const to: Destination = address === undefined ? { kind: 'broadcast', port } : { kind: 'unicast', address, port };
    socket.send([{ bytes: messageOf(question, XID + index), to }]);
  });
  await sleep(LISTEN_MS);
  await network.close();
  return heard;
}

if (import.meta.main) {
  const asked = z.array(askedShape).parse(JSON.parse(process.argv[2] ?? ''));
  console.log(JSON.stringify(await askOnce(asked)));
}
