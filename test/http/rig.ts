// A boot listener on loopback with files in memory, and functions that send it raw bytes.

import { createServer, type RequestListener, type Server } from 'node:http';
import { createConnection } from 'node:net';
import type { ResolveAsset } from '../../src/boot/asset.ts';
import type { FileTree } from '../../src/files/opened-file.ts';
import { ipv4, mac } from '../../src/ground/address.ts';
import { systemClock } from '../../src/ground/clock.ts';
import type { RackEvent } from '../../src/ground/event.ts';
import type { RegionStandIn } from '../../src/http/region-stand-in.ts';
import { BootHttpServer } from '../../src/http/server.ts';
import { REGION_FIELD } from '../../src/net/region-http.ts';

export const LOOPBACK = ipv4(0x7f000001);
export const MACHINE = mac(0x525400123456);
/** The token of MACHINE's boot. */
export const TOKEN = 'a-token-of-a-boot-0123456789abcd';
export const SECRET = 'the rack is who it says';

/** A server whose answers are a region's, by their field. It does not listen yet. */
export const makeRegion = (handle: RequestListener): Server =>
  createServer((request, response) => {
    response.setHeader(REGION_FIELD.name, REGION_FIELD.value);
    handle(request, response);
  });

/** Files in memory; counts the open ones and the reads. `/broken` cannot be read, `/short` is shorter than its announced size. */
export class MemoryTree implements FileTree {
  readonly files = new Map<string, Uint8Array>();
  open_ = 0;
  read_ = 0;

  findAlike(path: string): readonly string[] {
    return [...this.files.keys()].filter((one) => one.toLowerCase() === path.toLowerCase());
  }

  async open(path: string) {
    const bytes = this.files.get(path);
    if (bytes === undefined) return undefined;
    this.open_ += 1;
    let open = true;
    return {
      source: bytes,
      sizeBytes: path === 'short' ? bytes.length + 10 : bytes.length,
      modifiedMs: 1_000_000_000_500,
      etag: `"${bytes.length}"`,
      read: (offset: number, length: number) => {
        this.read_ += 1;
        if (path === 'broken') return Promise.reject(new Error('EIO'));
        const slice = bytes.subarray(offset, offset + length);
        return offset % 3 === 0 ? slice : Promise.resolve(slice);
      },
      close: () => {
        if (open) this.open_ -= 1;
        open = false;
      },
    };
  }
}

/** A stand-in for the boot policy: decides by the last name of the path. */
const resolve: ResolveAsset = ({ path, peer, local }) => {
  if (path.includes('..') || path.includes('\0')) {
    return { kind: 'refused', reason: 'path-not-allowed', mac: undefined };
  }
  const name = path.replace(/^\/+/, '');
  if (name.startsWith('grub/grub.cfg')) {
    const text = `é ${peer} ${local}\n`;
    const isForAnother = name.endsWith('-another');
    return {
      kind: 'rendered',
      path: name,
      text,
      mac: MACHINE,
      purpose: 'enlist',
      step: { kind: 'chain' },
      isForAnother,
    };
  }
  if (name.startsWith('pxelinux.cfg/')) {
    return { kind: 'missing', path: name, reason: 'machine-unknown', mac: undefined };
  }
  return { kind: 'file', path: name, mac: MACHINE };
};

export async function openRig(
  region?: { readonly host: string; readonly port: number; readonly secure?: boolean; readonly socketPath?: string },
  standIn?: RegionStandIn,
  regionCa?: string,
  clock = systemClock,
) {
  const tree = new MemoryTree();
  const events: RackEvent[] = [];
  const server = new BootHttpServer({
    resolve,
    files: tree,
    clock,
    publish: (event) => void events.push(event),
    rackSecret: SECRET,
    standIn,
    regionCa,
    vouchFor: (token, peer) => (token === TOKEN && peer === LOOPBACK ? MACHINE : undefined),
  });
  await server.configure({ listen: [{ address: LOOPBACK, port: 0 }], region });
  const port = server.listening[0]?.port ?? 0;
  return {
    tree,
    events,
    server,
    port,
    speak: (bytes: string | Uint8Array) => speak(port, bytes),
    kinds: () => events.map(({ kind }) => kind).filter((kind) => kind !== 'http.listening'),
  };
}

export type Rig = Awaited<ReturnType<typeof openRig>>;

/** Sends bytes, then half-closes if `thenEnd`; resolves to everything received until the connection ends. */
export function speak(port: number, bytes: string | Uint8Array, thenEnd = false): Promise<string> {
  return new Promise((done) => {
    const chunks: Buffer[] = [];
    const socket = createConnection({ port, host: '127.0.0.1' }, () => {
      if (thenEnd) socket.end(bytes);
      else socket.write(bytes);
    });
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => done(Buffer.concat(chunks).toString('latin1')));
  });
}
