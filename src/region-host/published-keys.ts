// Reads the SSH keys that people have published at Launchpad and GitHub, over https, directly or
// through a proxy.
//
// Sources: https://launchpad.net/~NAME/+sshkeys, https://github.com/NAME.keys: one key on each
// line, 404 if nobody has the name.
//
// 1. A lookup ends after LOOKUP_MS, and reads at most ANSWER_BYTES_MAX. At most LOOKUPS_MAX lookups
//    run at once.

import type { Readable } from 'node:stream';
import type { Clock } from '../ground/clock.ts';
import { DownloadError } from '../images/download/fault.ts';
import { WebClient } from '../images/download/web-client.ts';
import type { FetchedKeys, FetchKeys, KeySite, KeySource } from '../region/accounts/key-sources.ts';

const LOOKUPS_MAX = 4;
const LOOKUP_MS = 20_000;
const ANSWER_BYTES_MAX = 256 * 1024;
const TIMEOUTS = { connectMs: 8000, answerMs: 10_000 } as const;

/** The base of each site's URLs. */
type SiteUrls = Readonly<Record<KeySite, string>>;
const SITES: SiteUrls = { lp: 'https://launchpad.net', gh: 'https://github.com' };

const buildKeysPath = ({ site, name }: KeySource): string =>
  ['', ...(site === 'lp' ? [`~${name}`, '+sshkeys'] : [`${name}.keys`])].join('/');

/** Creates the function that fetches keys. @param sites URLs of the sites, which tests replace */
export function createKeyFetcher(clock: Clock, sites: SiteUrls = SITES): FetchKeys {
  let lookups = 0;
  return async (source, proxy) => {
    if (lookups >= LOOKUPS_MAX) return { kind: 'busy' };
    lookups += 1;
    const lookupAbort = new AbortController();
    const timer = clock.schedule(LOOKUP_MS, () => lookupAbort.abort());
    try {
      const url = new URL(buildKeysPath(source), sites[source.site]);
      return (
        (await fetchKeysOnce(url, proxy, lookupAbort.signal)) ?? {
          kind: 'fault',
          fault: { code: 'late', seconds: LOOKUP_MS / 1000 },
        }
      );
    } catch (error) {
      if (!(error instanceof DownloadError)) throw error;
      return { kind: 'fault', fault: { code: 'no-answer', fault: error.fault } };
    } finally {
      timer.cancel();
      lookups -= 1;
    }
  };
}

/** Fetches keys. @returns undefined if the signal came first */
async function fetchKeysOnce(url: URL, proxy: string, signal: AbortSignal): Promise<FetchedKeys | undefined> {
  const proxyUrl = proxy === '' ? undefined : proxy;
  const settings = {
    ...TIMEOUTS,
    proxy: { http: proxyUrl, https: proxyUrl, except: undefined },
    authorities: undefined,
  };
  const answer = await new WebClient(settings).open(url, () => ({ accept: 'text/plain' }), signal);
  if (answer === undefined) return undefined;
  try {
    const { status } = answer;
    if (status === 404) return { kind: 'nobody' };
    if (status !== 200) return { kind: 'fault', fault: { code: 'status', host: url.host, status } };
    const text = await readKeysText(answer.body);
    if (text === undefined)
      return signal.aborted ? undefined : { kind: 'fault', fault: { code: 'not-whole', host: url.host } };
    const lines = text.split('\n').map((line) => line.trim());
    return { kind: 'keys', lines: lines.filter((line) => line !== '') };
  } finally {
    answer.close();
  }
}

/** Reads the body. Undefined if it is too long or was cut off. */
async function readKeysText(body: Readable): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of body) {
      if (!Buffer.isBuffer(chunk)) return undefined;
      bytes += chunk.length;
      if (bytes > ANSWER_BYTES_MAX) return undefined;
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString('utf8');
  } catch {
    // The connection broke, or the time is over: in both cases the answer is incomplete.
    return undefined;
  }
}
