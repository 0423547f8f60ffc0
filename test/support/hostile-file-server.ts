// A file server on loopback that serves one file, honestly or with one misbehaviour, and remembers what it was asked and how much it sent.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { viewBytes } from '../../src/ground/borrowed-bytes.ts';

/** A request that came. */
interface SeenRequest {
  readonly path: string;
  /** The first byte asked for; 0 without a Range. */
  readonly from: number;
  readonly ifRange: string | undefined;
  /** Bytes of the body that were handed to the system. */
  sent: number;
}

/** One request, with means to answer it. */
export interface Asked {
  /** 1 for the first request. */
  readonly number: number;
  readonly seen: SeenRequest;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly content: Uint8Array;
  /** Answers as it should be answered. */
  serve(): void;
  /** Writes the head of a whole or partial answer, and nothing more. @returns the first byte of its body */
  head(change?: { readonly from?: number; readonly fields?: Readonly<Record<string, string>> }): number;
  /** Writes bytes of the content. */
  write(from: number, to: number): void;
  /** Cuts the connection. */
  cut(): void;
}

export type Behaviour = (asked: Asked) => void;

/** A certificate for TLS. */
export interface ServerCertificate {
  readonly key: string;
  readonly cert: string;
}

export const ETAG = '"one"';

/** A running server. */
export class HostileFileServer {
  readonly url: string;
  readonly requests: SeenRequest[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, scheme: string) {
    this.#server = server;
    const { port } = server.address() as AddressInfo;
    this.url = `${scheme}://127.0.0.1:${port}/file`;
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => this.#sockets.delete(socket));
    });
  }

  static async start(content: Uint8Array, behave: Behaviour, tls?: ServerCertificate): Promise<HostileFileServer> {
    const server = tls === undefined ? createServer() : createTlsServer({ ...tls });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const started = new HostileFileServer(server, tls === undefined ? 'http' : 'https');
    server.on('request', (request, response) => behave(started.#ask(request, response, content)));
    return started;
  }

  /** Bytes of bodies in all. */
  get sent(): number {
    return this.requests.reduce((sum, { sent }) => sum + sent, 0);
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #ask(request: IncomingMessage, response: ServerResponse, content: Uint8Array): Asked {
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const ifRange = String(request.headers['if-range'] ?? '') || undefined;
    const seen: SeenRequest = { path: request.url ?? '', from, ifRange, sent: 0 };
    this.requests.push(seen);
    response.on('error', () => undefined);
    const write = (start: number, end: number): void => {
      const bytes = viewBytes(content, start, end);
      response.write(bytes, () => {
        seen.sent += bytes.length;
      });
    };
    const head: Asked['head'] = (change = {}) => {
      const isCurrent = ifRange === undefined || ifRange === ETAG;
      const start = change.from ?? (isCurrent ? from : 0);
      const range = { 'Content-Range': `bytes ${start}-${content.length - 1}/${content.length}` };
      const fields = { ETag: ETAG, 'Content-Length': content.length - start, ...(start > 0 ? range : {}) };
      response.writeHead(start > 0 ? 206 : 200, { ...fields, ...change.fields });
      return start;
    };
    const serve = (): void => {
      if (from > 0 && from >= content.length) {
        response.writeHead(416, { 'Content-Range': `bytes */${content.length}` }).end();
        return;
      }
      write(head(), content.length);
      response.end();
    };
    const cut = (): void => {
      request.socket.destroy();
    };
    return { number: this.requests.length, seen, request, response, content, serve, head, write, cut };
  }
}
