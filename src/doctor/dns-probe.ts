// Queries the running DNS server with the `dns2` package.

import dns2 from 'dns2';
import { within } from './finding.ts';

const ANSWER_MS_MAX = 5000;

export interface SeenAnswer {
  /** RFC 1035 §4.1.1: 0 no error, 2 server failure, 3 no such name, 5 refused. */
  readonly rcode: number;
  readonly authoritative: boolean;
  readonly addresses: readonly string[];
}

/** The addresses of `name`. Rejects if no answer comes. */
export async function probeDns(host: string, port: number, name: string): Promise<SeenAnswer> {
  const resolve = dns2.UDPClient({ dns: host, port, timeout: ANSWER_MS_MAX });
  const answer = await within(ANSWER_MS_MAX + 500, `${name} from ${host}:${port}`, resolve(name, 'A'));
  const addresses = answer.answers.flatMap((record) =>
    'address' in record && typeof record.address === 'string' ? [record.address] : [],
  );
  const { aa, rcode } = answer.header;
  return { rcode, authoritative: aa === 1, addresses };
}
