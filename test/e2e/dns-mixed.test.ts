// Several hosts ask the DNS server for many names at once, on real loopback sockets: every answer must belong to its question
// and carry that name's data, both from the upstream and from the cache.
// @host waits

import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { after, before, describe, it } from 'node:test';
import type { DnsConfig } from '../../src/dns/config.ts';
import { decodeMessage } from '../../src/dns/message.ts';
import { Names } from '../../src/dns/names.ts';
import { TYPE } from '../../src/dns/record.ts';
import { formatRdata } from '../../src/dns/record-text.ts';
import { DnsServer } from '../../src/dns/server.ts';
import { systemClock } from '../../src/ground/clock.ts';
import type { HostNetwork } from '../../src/net/datagrams/datagram.ts';
import { openNetwork } from '../../src/net/datagrams/udp-linux.ts';
import { configureAnywhere, net, queryBytes, SITE } from '../dns/fixture.ts';
import { ip } from '../support/lab-facts.ts';

const HOSTS = ['127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.0.5'];
const NAMES = 100;
/** How many names a host asks for at once, each twice: fewer questions than one client may have waiting. */
const TOGETHER = 25;
const ROUNDS = 2;
const ANSWER_MS_MAX = 10_000;

const nameOf = (index: number): string => `host-${index}.outside.example`;
const dataOf = (index: number, type: number): string => (type === TYPE.A ? `192.0.2.${index}` : `"text ${index}"`);

/** A host that asks for every name and records each wrong answer. */
class Asker {
  readonly wrong: string[] = [];
  readonly #socket: Socket;
  readonly #port: number;
  readonly #asked = new Map<number, { readonly index: number; readonly type: number }>();
  #done: (() => void) | undefined;

  constructor(socket: Socket, port: number) {
    this.#socket = socket;
    this.#port = port;
    socket.on('message', (bytes) => this.#check(bytes));
  }

  /** Asks for TOGETHER names from this one on; resolves when all answers have come. */
  ask(from: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const limit = setTimeout(() => reject(new Error(`${this.#asked.size} questions unanswered`)), ANSWER_MS_MAX);
      this.#done = () => {
        clearTimeout(limit);
        resolve();
      };
      let id = 0;
      for (let index = from; index < from + TOGETHER; index += 1) {
        for (const type of [TYPE.A, TYPE.TXT]) {
          id += 1;
          this.#asked.set(id, { index, type });
          this.#socket.send(queryBytes(nameOf(index), type, { id }), this.#port, '127.0.0.1');
        }
      }
    });
  }

  close(): void {
    this.#socket.close();
  }

  #check(bytes: Uint8Array): void {
    const message = decodeMessage(bytes);
    assert.ok(message.ok);
    const { id, questions, answers, rcode } = message.value;
    const asked = this.#asked.get(id);
    assert.ok(asked !== undefined, `an answer nobody waits for: ${id}`);
    this.#asked.delete(id);
    const expected = `${nameOf(asked.index)} ${asked.type}: ${nameOf(asked.index)} ${dataOf(asked.index, asked.type)}`;
    const [question, answer] = [questions[0], answers[0]];
    const data = answer === undefined ? `rcode ${rcode}` : `${answer.name} ${formatRdata(answer.type, answer.rdata)}`;
    const got = `${question?.name} ${question?.type}: ${data}`;
    if (got !== expected) this.wrong.push(`asked ${expected}; got ${got}`);
    if (this.#asked.size === 0) this.#done?.();
  }
}

describe('questions of several hosts at once', () => {
  let network: HostNetwork;
  const servers: DnsServer[] = [];
  let port = 0;

  const serve = async (changes: Partial<DnsConfig>): Promise<number> => {
    const server = new DnsServer({ network, clock: systemClock, publish: () => {}, names: new Names({ serial: 1 }) });
    servers.push(server);
    const listen = { listen: [ip('127.0.0.1')], listenPort: 0, clients: [net('127.0.0.0/8')] };
    await configureAnywhere(server, { ...SITE, ...listen, ...changes });
    return server.listeners[0]?.port ?? 0;
  };

  before(async () => {
    network = await openNetwork();
    const records = Array.from({ length: NAMES }, (_, index) => [
      { name: nameOf(index), type: 'A' as const, data: dataOf(index, TYPE.A), ttl: 60 },
      { name: nameOf(index), type: 'TXT' as const, data: `text ${index}`, ttl: 60 },
    ]).flat();
    const outside = await serve({ domains: ['outside.example'], records });
    port = await serve({ upstream: [{ address: ip('127.0.0.1'), port: outside }] });
  });
  after(async () => {
    for (const server of servers) await server.close();
    await network.close();
  });

  it('each get the answer to their own question, fresh and from the cache', async () => {
    const askers = await Promise.all(
      HOSTS.map(async (address) => {
        const socket = createSocket('udp4');
        await new Promise<void>((resolve) => socket.bind(0, address, resolve));
        return new Asker(socket, port);
      }),
    );
    try {
      for (let from = 0; from < ROUNDS * NAMES; from += TOGETHER) {
        await Promise.all(askers.map((asker) => asker.ask(from % NAMES)));
      }
      assert.deepEqual(askers.flatMap((asker) => asker.wrong).slice(0, 5), []);
    } finally {
      for (const asker of askers) asker.close();
    }
  });
});
