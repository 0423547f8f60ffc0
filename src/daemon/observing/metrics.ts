// The metrics: the rooms' counters and gauges in Prometheus' format. Names and labels must not
// change: dashboards depend on them.
//
// 1. Nothing here is in the path of a datagram: the rooms count, and this module reads.
// 2. Leases are examined in slices, so that a scrape of a hundred thousand leases delays no reply.

import type { Lease } from '../../dhcp/leases/lease.ts';
import { isHeld } from '../../dhcp/leases/lease-table.ts';
import type { DhcpSubnet } from '../../dhcp/networks/config.ts';
import { networkContains, rangeContains, rangeSize } from '../../ground/address.ts';
import type { Instant } from '../../ground/clock.ts';
import type { SocketCounters } from '../../net/datagrams/datagram.ts';
import { Exposition, labelSamples, type Sample } from '../../observe/exposition.ts';
import type { LeaseJournalStatus } from '../../store/leases/lease-journal.ts';
import type { UplinkStatus } from '../../uplink/link-status.ts';
import type { Rack } from '../rack/rack.ts';
import type { RackView } from '../rack/rack-view.ts';
import type { ProcessMeasures } from './process-instruments.ts';
import { addProcess } from './process-metrics.ts';
import { addEvents, addRegion } from './shared-metrics.ts';

const LEASES_PER_TURN_MAX = 4096;

/** Renders one scrape. */
export async function renderMetrics(view: RackView, measured: ProcessMeasures): Promise<string> {
  const exposition = new Exposition();
  addProcess(exposition, { ...view, ...measured });
  const rack = view.rack();
  if (rack !== undefined) {
    addDhcp(exposition, rack);
    await addLeases(exposition, rack.dhcp.leases(), view.configuration.config.dhcp.subnets, view.clock.now());
    addTftp(exposition, rack);
    addHttp(exposition, rack);
    addTree(exposition, rack);
    addDns(exposition, rack);
    addSockets(exposition, {
      dhcp: rack.dhcp.sockets().map(({ counters }) => counters),
      tftp: rack.tftp.sockets(),
      dns: rack.dns.sockets(),
    });
    exposition.gauge('rackboot_machines_known', 'Machines of the desired state in force.', rack.machines.machineCount);
  }
  const journal = view.journal();
  if (journal !== undefined) addJournal(exposition, journal);
  addEvents(exposition, view.stream.counters(), view.withheld());
  const uplink = view.uplink();
  if (uplink !== undefined) addUplink(exposition, uplink, view.clock.wallTimeMs());
  addRegion(exposition, measured.region);
  return exposition.text();
}

/** Adds the DHCP metrics: messages, decisions, refusals by reason, offers, waiting replies and sockets. */
export function addDhcp(exposition: Exposition, { dhcp }: Pick<Rack, 'dhcp'>): void {
  const { messages, faults, ignored, events, refusals, offers, waiting } = dhcp.counters();
  const countEvents = (kind: keyof typeof events): number => events[kind];
  exposition.counter(
    'rackboot_dhcp_messages_total',
    'Datagrams on the DHCP port, by message type.',
    labelSamples('type', messages),
  );
  exposition.counter(
    'rackboot_dhcp_malformed_total',
    'Datagrams that were not valid DHCP messages, by fault.',
    labelSamples('fault', faults),
  );
  exposition.counter('rackboot_dhcp_unheard_total', 'Datagrams received during shutdown.', ignored);
  exposition.counter(
    'rackboot_dhcp_decisions_total',
    'Decisions on messages.',
    labelSamples('decision', {
      offer: countEvents('dhcp.offer'),
      ack: countEvents('dhcp.ack'),
      nak: countEvents('dhcp.nak'),
      inform: countEvents('dhcp.inform'),
      release: countEvents('dhcp.release'),
      decline: countEvents('dhcp.decline'),
    }),
  );
  exposition.counter(
    'rackboot_dhcp_refusals_total',
    'Messages not answered, or answered with a NAK, by reason.',
    labelSamples('reason', refusals),
  );
  const conflicts = countEvents('dhcp.conflict') + countEvents('dhcp.fixed-address-used');
  exposition.counter('rackboot_dhcp_conflicts_total', 'Addresses that answered a probe.', conflicts);
  exposition.counter('rackboot_dhcp_leases_ended_total', 'Leases that expired.', countEvents('dhcp.expired'));
  exposition.gauge('rackboot_dhcp_offers', 'Addresses offered and not yet requested.', offers);
  exposition.gauge('rackboot_dhcp_replies_waiting', 'Replies that wait for the disk.', waiting);
  exposition.gauge('rackboot_dhcp_sockets', 'DHCP sockets.', [
    { labels: { state: 'open' }, value: dhcp.sockets().length },
    { labels: { state: 'failed' }, value: dhcp.problems().length },
  ]);
}

async function addLeases(
  exposition: Exposition,
  leases: readonly Lease[],
  subnets: readonly DhcpSubnet[],
  now: Instant,
): Promise<void> {
  const states = { bound: 0, expired: 0, released: 0, declined: 0 };
  const usedCounts = subnets.map(() => 0);
  for (let start = 0; start < leases.length; start += LEASES_PER_TURN_MAX) {
    if (start > 0) await new Promise((resolve) => setImmediate(resolve));
    for (const lease of leases.slice(start, start + LEASES_PER_TURN_MAX)) {
      const isTaken = isHeld(lease, now);
      states[lease.state === 'released' || isTaken ? lease.state : 'expired'] += 1;
      if (!isTaken) continue;
      const index = subnets.findIndex(({ network }) => networkContains(network, lease.address));
      const range = subnets[index]?.dynamic;
      if (range !== undefined && rangeContains(range, lease.address)) usedCounts[index] = (usedCounts[index] ?? 0) + 1;
    }
  }
  exposition.gauge('rackboot_dhcp_leases', 'Addresses with a lease record, by state.', labelSamples('state', states));
  const ranges = subnets.map(({ name, dynamic }, index) => ({ name, dynamic, used: usedCounts[index] ?? 0 }));
  const sampleRanges = (value: (entry: (typeof ranges)[number]) => number | undefined): Sample[] =>
    ranges.map((entry) => ({ labels: { network: entry.name }, value: value(entry) }));
  exposition.gauge(
    'rackboot_dhcp_range_addresses',
    "Addresses of a network's dynamic range.",
    sampleRanges(({ dynamic }) => dynamic && rangeSize(dynamic)),
  );
  exposition.gauge(
    'rackboot_dhcp_range_addresses_used',
    'Addresses of the dynamic range that are leased or set aside.',
    sampleRanges((entry) => (entry.dynamic === undefined ? undefined : entry.used)),
  );
}

/** The prefix that counters of one metric share. */
const GROUP_PREFIX = /^(?:refused|ignored|status|upstream|tcp|queries|answered)-/;

/** A sample for each of these counters, labelled with its name in its group. */
const pickSamples = <Name extends string>(
  label: string,
  counters: Readonly<Record<Name, number>>,
  names: readonly Name[],
): readonly Sample[] =>
  names.map((name) => ({ labels: { [label]: name.replace(GROUP_PREFIX, '') }, value: counters[name] }));

function addTftp(exposition: Exposition, { tftp }: Rack): void {
  const counters = tftp.counters();
  exposition.counter('rackboot_tftp_requests_total', 'Requests to read or write, including copies.', counters.requests);
  exposition.counter('rackboot_tftp_requests_repeated_total', 'Copies of a request.', counters['requests-repeated']);
  exposition.counter(
    'rackboot_tftp_transfers_total',
    'Requests by outcome.',
    pickSamples('outcome', counters, [
      'sent',
      'probed',
      'missing',
      'aborted',
      'timed-out',
      'flooded',
      'unreachable',
      'restarted',
      'gave-way',
      'failed',
    ]),
  );
  exposition.counter(
    'rackboot_tftp_refusals_total',
    'Requests refused, by reason.',
    pickSamples('reason', counters, [
      'refused-path',
      'refused-write',
      'refused-mode',
      'refused-option',
      'refused-busy',
      'refused-blind',
      'refused-network',
    ]),
  );
  exposition.counter('rackboot_tftp_sent_bytes_total', 'Payload that clients acknowledged.', counters.bytes);
  exposition.counter('rackboot_tftp_blocks_total', 'Blocks sent.', counters.blocks);
  exposition.counter('rackboot_tftp_blocks_repeated_total', 'Blocks sent more than once.', counters['blocks-repeated']);
  exposition.counter('rackboot_tftp_malformed_total', 'Datagrams that could not be decoded.', counters.malformed);
  exposition.counter('rackboot_tftp_strays_total', 'Packets to the port that errors are sent from.', counters.strays);
  exposition.gauge('rackboot_tftp_transfers_active', 'Transfers in progress.', counters.active);
}

function addHttp(exposition: Exposition, { http }: Rack): void {
  const counters = http.counters();
  exposition.counter('rackboot_http_connections_total', 'Connections accepted.', counters.connections);
  exposition.counter(
    'rackboot_http_connections_refused_total',
    'Connections refused.',
    counters['connections-refused'],
  );
  exposition.counter('rackboot_http_requests_total', 'Requests to the boot listener.', counters.requests);
  exposition.counter(
    'rackboot_http_answers_total',
    "Responses of the boot listener, including the region's, by status class.",
    pickSamples('class', counters, ['status-2xx', 'status-3xx', 'status-4xx', 'status-5xx']),
  );
  exposition.counter(
    'rackboot_http_outcomes_total',
    'Requests by outcome.',
    pickSamples('outcome', counters, [
      'sent',
      'probed',
      'rendered',
      'missing',
      'refused',
      'aborted',
      'failed',
      'malformed',
      'proxied',
      'region-unreachable',
    ]),
  );
  exposition.counter('rackboot_http_sent_bytes_total', 'Content sent by the rack itself.', counters.bytes);
  exposition.counter(
    'rackboot_http_proxied_bytes_total',
    'Content passed on from the region.',
    counters['proxied-bytes'],
  );
  exposition.gauge('rackboot_http_connections_open', 'Open connections.', counters.open);
  exposition.gauge('rackboot_http_requests_forwarding', 'Requests waiting for the region.', counters.forwarding);
}

function addTree(exposition: Exposition, { tree }: Rack): void {
  const counters = tree.counters?.();
  if (counters === undefined) return;
  exposition.gauge('rackboot_tree_files_open', 'Open files of the boot tree.', counters.filesOpen);
  exposition.gauge('rackboot_tree_cached_bytes', 'Bytes of the boot tree in memory.', counters.cachedBytes);
  exposition.counter('rackboot_tree_slices_read_total', 'Parts of files read from the disk.', counters.slicesRead);
  exposition.counter('rackboot_tree_slices_held_total', 'Parts of files found in memory.', counters.sliceHits);
}

function addDns(exposition: Exposition, { dns }: Rack): void {
  const counters = dns.counters();
  exposition.counter(
    'rackboot_dns_queries_total',
    'Queries by transport.',
    pickSamples('transport', counters, ['queries-udp', 'queries-tcp']),
  );
  exposition.counter(
    'rackboot_dns_answers_total',
    'Answers by source.',
    pickSamples('source', counters, ['answered-own', 'answered-cache', 'answered-upstream']),
  );
  exposition.counter(
    'rackboot_dns_refusals_total',
    'Queries not answered, by reason.',
    pickSamples('reason', counters, [
      'refused-stranger',
      'refused-policy',
      'format-error',
      'not-implemented',
      'bad-version',
      'server-failure',
      'overloaded',
      'ignored-short',
      'ignored-response',
    ]),
  );
  exposition.counter(
    'rackboot_dns_forwarded_total',
    'Questions to upstreams, by outcome.',
    pickSamples('outcome', counters, [
      'upstream-sent',
      'upstream-tcp',
      'upstream-timeout',
      'upstream-mismatch',
      'upstream-malformed',
      'upstream-forged',
      'merged',
    ]),
  );
  exposition.counter(
    'rackboot_dns_results_total',
    'Answers with a special result.',
    pickSamples('result', counters, ['name-error', 'no-data', 'truncated', 'cut-large']),
  );
  exposition.counter(
    'rackboot_dns_tcp_connections_total',
    'TCP connections of clients, by outcome.',
    pickSamples('outcome', counters, ['tcp-accepted', 'tcp-refused', 'tcp-evicted', 'tcp-idle']),
  );
  exposition.gauge('rackboot_dns_tcp_connections_open', 'Open TCP connections of clients.', dns.gauges.connections);
  exposition.gauge('rackboot_dns_cache_answers', 'Cached answers of upstreams.', dns.gauges.cached);
}

function addSockets(exposition: Exposition, sockets: Readonly<Record<string, readonly SocketCounters[]>>): void {
  const sumSockets = (value: (counters: SocketCounters) => number | undefined): readonly Sample[] =>
    Object.entries(sockets).map(([server, list]) => {
      const values = list.flatMap((counters) => value(counters) ?? []);
      return { labels: { server }, value: values.length === 0 ? undefined : values.reduce((a, b) => a + b, 0) };
    });
  const samples = {
    received: sumSockets(({ received }) => received),
    sent: sumSockets(({ sent }) => sent),
    errors: sumSockets(({ sendErrors }) => sendErrors),
    drops: sumSockets(({ receiveDrops }) => receiveDrops),
    receiveBuffers: sumSockets(({ receiveBufferBytes }) => receiveBufferBytes),
    sendBuffers: sumSockets(({ sendBufferBytes }) => sendBufferBytes),
  };
  exposition.counter('rackboot_socket_received_total', 'Datagrams received by the sockets open now.', samples.received);
  exposition.counter('rackboot_socket_sent_total', 'Datagrams sent by the sockets open now.', samples.sent);
  exposition.counter('rackboot_socket_send_errors_total', 'Datagrams the kernel refused to send.', samples.errors);
  exposition.counter(
    'rackboot_socket_receive_drops_total',
    'Datagrams the kernel dropped because a receive buffer was full; raise net.core.rmem_max.',
    samples.drops,
  );
  exposition.gauge(
    'rackboot_socket_receive_buffer_bytes',
    'Receive buffers of the sockets open now.',
    samples.receiveBuffers,
  );
  exposition.gauge('rackboot_socket_send_buffer_bytes', 'Send buffers of the sockets open now.', samples.sendBuffers);
}

function addJournal(exposition: Exposition, status: LeaseJournalStatus): void {
  exposition.gauge('rackboot_journal_available', '1 while leases can be written.', status.available ? 1 : 0);
  exposition.gauge('rackboot_journal_records_pending', 'Records that wait for the disk.', status.pending);
  exposition.counter('rackboot_journal_records_total', 'Records that became durable.', status.records);
  exposition.counter(
    'rackboot_journal_batches_total',
    'Batches that became durable, with one fsync each.',
    status.batches,
  );
  exposition.counter('rackboot_journal_failures_total', 'Batches that could not be written.', status.failures);
  exposition.counter('rackboot_journal_fold_failures_total', 'Failed attempts to fold the log.', status.foldFailures);
  exposition.histogram(
    'rackboot_journal_write_seconds',
    'Time from submitting a batch until it is durable.',
    status.writes,
  );
}

const REGION_STATES = [
  'up',
  'starting',
  'waiting',
  'registering',
  'pending',
  'rejected',
  'incompatible',
  'away',
] as const;

function addUplink(exposition: Exposition, status: UplinkStatus, wallMs: number): void {
  exposition.gauge(
    'rackboot_region_state',
    '1 for the present state of the link to the region.',
    labelSamples('state', Object.fromEntries(REGION_STATES.map((state) => [state, status.state === state ? 1 : 0]))),
  );
  exposition.gauge('rackboot_region_desired_version', 'Version of the desired state in force.', status.desiredVersion);
  exposition.gauge('rackboot_outbox_events_waiting', 'Events that wait for the region.', status.eventsWaiting);
  exposition.counter(
    'rackboot_outbox_events_dropped_total',
    'Events lost at the bounds of the outbox.',
    status.eventsDropped,
  );
  exposition.counter(
    'rackboot_outbox_events_withheld_total',
    'Lease events of hosts that are not machines, omitted at the rate limit.',
    status.eventsWithheld,
  );
  const { link } = status;
  if (link === undefined) return;
  exposition.gauge('rackboot_outbox_dead_letters', 'Entries that the region refused permanently.', link.deadLetters);
  exposition.gauge('rackboot_outbox_writable', '1 while the outbox can be written.', link.outboxProblem === '' ? 1 : 0);
  const sinceMs = link.lastContact === undefined ? undefined : Math.max(0, wallMs - link.lastContact);
  exposition.gauge(
    'rackboot_region_contact_age_seconds',
    'Seconds since the remote region last answered.',
    sinceMs === undefined ? undefined : sinceMs / 1000,
  );
  exposition.gauge(
    'rackboot_region_heartbeat_seconds',
    'How long the last heartbeat took.',
    link.heartbeatMs === undefined ? undefined : link.heartbeatMs / 1000,
  );
}
