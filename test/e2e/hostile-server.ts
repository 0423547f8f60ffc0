// Hostile servers that a rack asks: `hostile-server.ts WHAT ADDRESS PORT TEXT [FILE]`. Each runs until it is ended.
//
//   upstream   a name server: TXT, names and the reason of an error hold the text
//   region     the region of a remote rack: FILE says how it treats a rack, and its words hold the text

import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { decodeQuery } from '../../src/dns/message.ts';
import { type DnsRecord, TYPE } from '../../src/dns/record.ts';
import { record, replyTo } from '../dns/fixture.ts';

const SERVFAIL = 2;
/** Option 15 of EDNS, "other" (RFC 8914 §2). */
const EXTENDED_ERROR = Buffer.from([0, 15, 0, 0, 0, 0]);

const [what, address = '', ownPort = '', text = '', file = ''] = process.argv.slice(2);

/** A text in the form of names (RFC 1035 §5.1), in labels that are short enough. */
const labelOf = (said: string): string =>
  Array.from(Buffer.from(said, 'utf8').subarray(0, 60), (octet) => `\\${String(octet).padStart(3, '0')}`).join('');

function textRecord(name: string, said: string): DnsRecord {
  const octets = Buffer.from(said, 'utf8').subarray(0, 255);
  return { ...record(name, 'TXT', '"x"'), rdata: Buffer.concat([Buffer.from([octets.length]), octets]) };
}

/** An OPT record whose extended error has a text. */
function errorRecord(said: string): DnsRecord {
  const octets = Buffer.from(said, 'utf8');
  const rdata = Buffer.concat([EXTENDED_ERROR, octets]);
  rdata.writeUInt16BE(octets.length + 2, 2);
  return { ...record('.', 'A', '0.0.0.0'), type: TYPE.OPT, class: 1232, ttl: 0, rdata };
}

function serveNames(): void {
  const socket = createSocket('udp4');
  socket.on('message', (bytes, { port, address: from }) => {
    const query = decodeQuery(bytes);
    if (!query.ok) return;
    const { name, type } = query.value.question;
    const alias = `upstream-name${labelOf(text).slice(0, 4 * 40)}.outside.example`;
    const answer = name.startsWith('fails')
      ? replyTo(bytes, SERVFAIL, { additional: [errorRecord(`upstream-error${text}`)] })
      : type === TYPE.TXT
        ? replyTo(bytes, 0, { answers: [textRecord(name, `upstream-text${text}`)] })
        : replyTo(bytes, 0, { answers: [record(name, 'CNAME', alias), record(alias, 'A', '192.0.2.1')] });
    socket.send(answer, port, from);
  });
  socket.bind(Number(ownPort), address, () => console.log('listening'));
}

const json = (value: object): string => JSON.stringify(value);
const MACHINE = {
  systemId: 'abc123',
  hostname: `region-host${text}`,
  domain: 'maas',
  statusName: `region-status${text}`,
  purpose: 'poweroff',
  architecture: 'amd64',
  subarchitecture: 'generic',
  macs: [0x5254007719e1],
  addresses: [],
};

interface Said {
  readonly status: number;
  readonly text: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The answer to a request of a rack, as FILE says; undefined: a stream that stays open. */
function answerRack(url: string, body: string): Said | undefined {
  const mood = readFileSync(file, 'utf8').trim();
  const moods: Readonly<Record<string, Said>> = {
    redirecting: { status: 301, text: '', headers: { Location: `http://region-place${encodeURI(text)}` } },
    pending: { status: 202, text: json({ text: `region-pending${text}` }) },
    refusing: { status: 403, text: `region-refusal${text}` },
    failing: { status: 500, text: `region-failure${text}` },
  };
  if (Object.hasOwn(moods, mood)) return moods[mood];
  if (url.includes('/changes')) return undefined;
  if (url.includes('/heartbeat'))
    return { status: 200, text: json({ version: `region-version${text}`, uplink: 1, now: 0 }) };
  if (url.includes('/events')) {
    const { entries }: { readonly entries: readonly { readonly sequence: number }[] } = JSON.parse(body);
    const refused = entries.map(({ sequence }) => ({ sequence, reason: `region-reason${text}` }));
    return { status: 200, text: json({ stored: entries.at(-1)?.sequence ?? 0, refused }) };
  }
  if (url.includes('/state')) {
    const purpose = mood === 'nonsense' ? `region-purpose${text}`.slice(0, 40) : MACHINE.purpose;
    return { status: 200, text: json({ schema: 2, version: 1, machines: [{ ...MACHINE, purpose }] }) };
  }
  return { status: 200, text: json({ status: 'accepted' }) };
}

function serveRack(): void {
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (part) => {
      body += part;
    });
    request.on('end', () => {
      const said = answerRack(request.url ?? '', body);
      if (said === undefined) response.writeHead(200, { 'Content-Type': 'text/event-stream' }).write(':\n\n');
      else response.writeHead(said.status, said.headers).end(said.text);
    });
  });
  server.listen(Number(ownPort), address, () => console.log('listening'));
}

if (what === 'upstream') serveNames();
if (what === 'region') serveRack();
