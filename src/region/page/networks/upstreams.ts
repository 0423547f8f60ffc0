// The upstream DNS servers of the settings, and the racks that get no answer from them.

import { isSettings } from '../../../machines/settings.ts';
import type { UpstreamFailure } from '../../racks/upstream-states.ts';
import type { Region } from '../../region.ts';

interface Upstream {
  /** As the setting has it, often without its port. */
  readonly server: string;
  /** The domain for whose names it is asked; empty: for all others. */
  readonly domain: string;
  /** Empty: it answers. */
  readonly failed: readonly UpstreamFailure[];
}

const DNS_PORT = 53;

const parseServers = (value: unknown): readonly string[] =>
  [value ?? []]
    .flat()
    .flatMap((text) => String(text).split(/[\s,]+/))
    .filter((text) => text !== '');

/** Of the settings as they were last loaded. */
export function listUpstreams({ settings, upstreams }: Region): readonly Upstream[] {
  const zones = settings.valueOf('dns.forward_zones');
  const forwarded = isSettings(zones) ? Object.entries(zones) : [];
  const failures = upstreams.failures();
  const upstreamOf = (server: string, domain: string): Upstream => {
    const place = server.includes(':') ? server : `${server}:${DNS_PORT}`;
    return { server, domain, failed: failures.filter((failure) => failure.server === place) };
  };
  return [
    ...parseServers(settings.valueOf('dns.upstream')).map((server) => upstreamOf(server, '')),
    ...forwarded.flatMap(([domain, servers]) => parseServers(servers).map((server) => upstreamOf(server, domain))),
  ];
}
