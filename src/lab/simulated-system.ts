// The cloud-init of a simulated machine at the first start of its system. It reads the user data with the machine's key and reports that
// the system is up. It does not run the user data, and its report says so. Sans-IO like the agent (`simulated-agent.ts`).
//
// Sources: cloud-init, "MAAS" data source, "Reporting" (webhook); RFC 5849 §3.4.4 (PLAINTEXT).
//
// 1. Without the key, or if it is refused, the system starts anyway.

import { counted } from '../counted.ts';
import type { AgentWork } from './simulated-agent.ts';

/** The most characters of user data that the report quotes. */
const SHOWN_CHARACTERS = 60;
/** The last of cloud-init's stages. */
const STAGE = 'modules-final';
const SECRETS = ['consumer_key', 'token_key', 'token_secret', 'endpoint'] as const;

/** @param cloudConfig the file that the agent wrote to the disk: the machine's key, and the URL of its reports */
export function* startSystem(cloudConfig: string): AgentWork {
  const [consumer, token, secret, endpoint] = SECRETS.map((name) => findValue(cloudConfig, name));
  if (endpoint === undefined || secret === undefined) return { kind: 'up' };
  const fields = {
    Authorization:
      `OAuth oauth_version="1.0", oauth_signature_method="PLAINTEXT", oauth_consumer_key="${consumer}", ` +
      `oauth_token="${token}", oauth_signature="%26${secret}", oauth_nonce="0", oauth_timestamp="0"`,
  };
  const report = (event: Readonly<Record<string, string>>) => ({
    method: 'POST' as const,
    url: endpoint,
    fields,
    body: JSON.stringify({ origin: 'cloudinit', name: STAGE, ...event }),
  });
  const url = endpoint.replace(/status\/[^/]*$/, 'latest/user-data');
  // Like cloud-init, start the last stage after reading the user data, if there is any.
  const { status, text } = yield { method: 'GET', url, fields };
  const begins = status === 200 ? 'running the user data (simulated)' : STAGE;
  yield report({ event_type: 'start', description: begins });
  yield report({
    event_type: 'finish',
    result: 'SUCCESS',
    description: status === 200 ? ranWords(text) : 'ran no user data (simulated)',
  });
  return { kind: 'up' };
}

/** The text that reports user data without running it. Comments and the `#cloud-config` line are not counted. */
export function ranWords(userData: string): string {
  const lines = userData.split('\n').filter((line) => !/^\s*(?:#|$)/.test(line));
  const last = (lines.at(-1) ?? '').replace(/^[\s-]+/, '').slice(0, SHOWN_CHARACTERS);
  return `ran ${counted(lines.length, 'line')} of user data (simulated), the last: ${last}`;
}

/** A value in the file, which is YAML with one mapping per line. */
function findValue(cloudConfig: string, name: string): string | undefined {
  return new RegExp(`["']?${name}["']?: *["']?([^"',}\\s]+)`).exec(cloudConfig)?.[1];
}
