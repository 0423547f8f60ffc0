// Every bound of the code, classified. Bounds that an outside client can hold or fill have a row each, by door, in `bounds/`. The others are
// plain limits, of one value or of input that only the operator gives; a rule recognises them, or they are listed here. `bounds.test.ts`
// refuses a bound that is neither. `docs/reference/bounds.md` is made from the rows.

import { DHCP_BOUNDS } from './bounds/dhcp.ts';
import { DNS_BOUNDS } from './bounds/dns.ts';
import { HTTP_BOUNDS } from './bounds/http.ts';
import { IMAGE_BOUNDS } from './bounds/images.ts';
import { JOURNAL_BOUNDS } from './bounds/journal.ts';
import { LAYOUT_BOUNDS } from './bounds/layouts.ts';
import { NET_BOUNDS } from './bounds/net.ts';
import { NETWORK_BOUNDS } from './bounds/networks.ts';
import { POWER_BOUNDS } from './bounds/power.ts';
import { REGION_BOUNDS } from './bounds/region.ts';
import type { Door, HeldBound } from './bounds/row.ts';
import { TFTP_BOUNDS, TREE_BOUNDS } from './bounds/tftp.ts';
import { UPLINK_BOUNDS } from './bounds/uplink.ts';

/** The rows of each door, in the order of the document. */
export const HELD: Readonly<Record<Door, readonly HeldBound[]>> = {
  DHCP: DHCP_BOUNDS,
  TFTP: TFTP_BOUNDS,
  'Boot tree': TREE_BOUNDS,
  DNS: DNS_BOUNDS,
  'Boot HTTP': HTTP_BOUNDS,
  'Region: API and page': [...REGION_BOUNDS, ...LAYOUT_BOUNDS, ...NETWORK_BOUNDS],
  'Uplink and racks': UPLINK_BOUNDS,
  Power: POWER_BOUNDS,
  Images: IMAGE_BOUNDS,
  'Journal and events': JOURNAL_BOUNDS,
  Net: NET_BOUNDS,
};

/** Folders in which every bound limits input, commands or files of the operator: no other client fills anything there. */
const TRUSTED_FOLDERS = [
  'capture/',
  'cli/',
  'config/',
  'control/',
  'dhcp/import/',
  'doctor/',
  'images/',
  'lab/',
  'machines/',
  'region/preseed/',
];
/** In one of them, but filled by the sites that it downloads from. */
const UNTRUSTED_FOLDER = 'images/download/';

const isTrusted = (at: string): boolean =>
  !at.startsWith(UNTRUSTED_FOLDER) && TRUSTED_FOLDERS.some((folder) => at.startsWith(folder));

/**
 * Endings of names that limit one value: how long a text may be, or how much of it is shown. Bytes are not among them, because a bound of
 * bytes may limit one message or all together: PLAIN lists those of one.
 */
const ONE_VALUE =
  /(?:^|_)(?:CHARACTERS|LENGTH|DEPTH|TEXT|NAME|KEY|VALUE|TITLE|COMMENT|DESCRIPTION|REASON|SHOWN|LISTED|NAMED)_MAX$/;
/** The same for times. A client cannot hold a time; a collection of waiting entries has a bound of its own. */
const TIME = /(?:^|_)(?:US|MS|SECONDS|MINUTES|DAYS)_MAX$/;
/** Words for growing collections: a bound with one of them is not a limit of a single value, in any unit. */
const PILES_UP = /CACHE|WAITING|QUEUE|PENDING|KEPT|UNREAD|OPEN|BUFFER|BACKLOG|SPARE|TOTAL|HELD/;

/** The common reason of a list of plain limits, and their names by file. */
interface PlainList {
  readonly because: string;
  readonly names: Readonly<Record<string, string>>;
}

/** Plain limits that no rule recognises. */
export const PLAIN: readonly PlainList[] = [
  {
    because: 'a number of a protocol, of a format or of the kernel',
    names: {
      'dhcp/wire/option-table.ts': 'U16_MAX U8_MAX',
      'dhcp/wire/option-value.ts': 'POINTER_MAX',
      'dns/message.ts': 'HEADER_OCTETS OPT_OCTETS TTL_MAX',
      'net/linux/packet-socket.ts': 'FILTERED_INTERFACES_MAX PACKET_TYPE_MAX',
      'net/watch/router-discovery.ts':
        'ADVERTISED_HOP_LIMIT ADVERTISEMENT_BYTES HOP_LIMIT IPV6_HEADER_BYTES SOLICITATION_BYTES',
      'net/datagrams/udp-linux-socket.ts': 'SEGMENTS_MAX',
      'region/identity/hostname.ts': 'HOSTNAME_MAX SYSTEM_ID_LENGTH',
      'region/api/networks/route-operations.ts': 'METRIC_MAX',
      'region/layout/netplan.ts': 'METRIC_MAX',
      'region/records/network-store.ts': 'MTU_MAX VID_MAX',
      'store/leases/lease-record.ts': 'UINT48_MAX',
      'net/netlink.ts': 'ATTRIBUTE_HEADER_BYTES HEADER_BYTES',
      'net/linux/wire-structs.ts': 'SOCKADDR_UN_PATH_BYTES',
      'net/datagrams/frame-tap.ts': 'ETHERNET_HEADER_BYTES',
      'net/watch/arp.ts': 'ARP_BYTES',
      'dhcp/networks/reservations.ts': 'DUID_OFFSET',
      'dhcp/wire/client-fqdn.ts': 'HEADER_BYTES',
    },
  },
  {
    because: 'the size or the number of parts of one message, file or request',
    names: {
      'region/api/networks/discovery-operations.ts': 'NETWORKS_MAX',
      'images/download/part-file.ts': 'RECORD_BYTES_MAX',
      'boot/kernel-line.ts': 'KERNEL_LINE_BYTES_MAX',
      'boot/paths.ts': 'BOOT_PATH_BYTES_MAX',
      'boot/quotable.ts': 'KERNEL_PARAMS_BYTES_MAX',
      'region-process/open-store.ts': 'PASSWORD_BYTES_MAX',
      'dhcp/answers/reply.ts': 'FRAME_BYTES_MAX',
      'dhcp/foreign/foreign-probe.ts': 'PROBE_BYTES_MAX',
      'dhcp/wire/client-fqdn.ts': 'LABEL_BYTES_MAX NAME_BYTES_MAX VALUE_BYTES_MAX',
      'dhcp/wire/legal-values.ts': 'LABEL_BYTES_MAX NAME_BYTES_MAX',
      'dhcp/wire/message.ts': 'MESSAGE_BYTES_MAX',
      'dhcp/wire/option-layout.ts': 'PIECE_BYTES_MAX',
      'dhcp/wire/option-value.ts': 'ENTRIES_MAX OPTION_VALUE_BYTES_MAX SUBOPTION_BYTES_MAX',
      'dns/large-replies.ts': 'LARGE_REPLY_OCTETS',
      'dns/message.ts': 'TCP_OCTETS_MAX UDP_OCTETS_MAX',
      'dns/reply.ts': 'PLAIN_UDP_OCTETS_MAX',
      'dns/name.ts': 'LABEL_OCTETS_MAX NAME_OCTETS_MAX',
      'dns/stream.ts': 'QUERY_OCTETS_MAX',
      'files/certificate.ts': 'AUTHORITIES_BYTES_MAX FILE_BYTES_MAX',
      'files/text-directory.ts': 'TEXT_FILE_BYTES_MAX',
      'http/body-arrival.ts': 'SMALL_BODY_BYTES_MAX',
      'http/control/requests.ts': 'CONTROL_BODY_BYTES_MAX',
      'http/proxy.ts': 'BODY_BYTES_MAX SAID_BYTES_MAX',
      'http/region-requests.ts': 'CONTENT_TYPE_MAX',
      'http/region-stand-in.ts': 'KEPT_BYTES_MAX',
      'http/server.ts': 'HEADER_BYTES_MAX',
      'net/byte-writer.ts': 'LOOPED_BYTES_MAX',
      'net/shares/joined-request.ts': 'JOINED_OCTETS_MAX',
      'net/datagrams/frame-tap.ts': 'FRAME_BYTES_MAX',
      'net/netlink.ts': 'NETLINK_DATAGRAM_BYTES_MAX',
      'net/region-http.ts': 'INTERIM_MAX',
      'net/linux/notify-socket.ts': 'STATUS_BYTES_MAX',
      'net/linux/packet-socket.ts': 'FRAME_BYTES_MAX',
      'net/datagrams/udp-linux-socket.ts': 'UDP_PAYLOAD_BYTES_MAX',
      'observe/instrument-server.ts': 'HEADER_BYTES_MAX',
      'power/ssh-identity.ts': 'CONNECT_BYTES_MAX KEY_BYTES_MAX',
      'power/web-request.ts': 'BODY_BYTES_MAX',
      'region/accounts/accounts.ts': 'PASSWORD_MAX PASSWORD_MIN',
      'region/http/agent-routes.ts': 'OUTPUT_MAX PIECE_MAX',
      'region/http/doors.ts': 'SMALL_BODY_BYTES_MAX',
      'region/api/machines/device-operations.ts': 'MACS_MAX',
      'region/api/names/dnsresource-operations.ts': 'ADDRESSES_MAX TTL_MAX',
      'region/api/layout/interface-parameters.ts': 'MILLISECONDS_MAX SPEED_MAX',
      'region/api/layout/node-interface-change-operations.ts': 'PARENTS_MAX',
      'region/records/machine-layout.ts': 'PART_TAGS_MAX PART_TAG_MAX',
      'region/api/call/form-body.ts': 'BOUNDARY_MAX FIELDS_MAX PART_HEADER_MAX',
      'region/api/machines/details-operation.ts': 'MACHINES_MAX',
      'region/api/machines/life-operations.ts': 'MANY_MAX',
      'region/api/machines/commissioning-calls.ts': 'NAMES_MAX',
      'region/api/machines/machine-calls.ts': 'USER_DATA_MAX',
      'region/api/racks/group-calls.ts': 'LEASES_MAX',
      'region/http/link-routes.ts': 'HEARTBEAT_BYTES_MAX',
      'region/http/link.ts': 'LINK_BODY_BYTES_MAX',
      'region/api/areas/area-operations.ts': 'MEMBERS_MAX',
      'region-thread/published-keys.ts': 'ANSWER_BYTES_MAX',
      'region/records/xpath-parser.ts': 'FOUND_MAX',
      'region/records/xpath.ts': 'VISITS_MAX',
      'region/api/machines/machine-operations.ts': 'FILTER_VALUES_MAX',
      'region/api/networks/network-operations.ts': 'NODES_MAX REQUEST_MACS_MAX',
      'region/api/networks/subnet-fields.ts': 'DNS_SERVERS_MAX',
      'region/networks/address-use.ts': 'USED_MAX',
      'region/api/people/user-operations.ts': 'HANDED_OVER_MAX',
      'region/api/machines/power-operations.ts': 'MACHINES_MAX',
      'region/api/call/proxies.ts': 'PROXIES_MAX',
      'region/http/preseed-routes.ts': 'TEMPLATE_MAX VALUES_MAX',
      'region/api/scripts/result-operations.ts': 'NAMES_MAX',
      'region/api/images/boot-source-operations.ts': 'FILE_MAX URL_MAX',
      'region/records/boot-store.ts': 'KEYRING_BYTES_MAX PROGRESS_FILES_MAX SELECTION_ENTRIES_MAX',
      'region/api/scripts/script-operations.ts': 'NAMES_MAX',
      'region/http/routes.ts': 'BODY_BYTES_MAX',
      'region/http/upload-bodies.ts': 'DISCARDED_BYTES_MAX FILE_FORM_BYTES_MAX',
      'region/records/file-store.ts': 'FILE_BYTES_MAX',
      'region/http/server.ts': 'HEADER_BYTES_MAX',
      'region/api/call/form-stream.ts': 'OTHERS_BYTES_MAX',
      'region/images/uploads.ts': 'PIECE_BYTES_MAX',
      'region/records/upload-store.ts': 'UPLOAD_BYTES_MAX',
      'region/accounts/authorization-header.ts': 'AUTHORIZATION_MAX PARAMETERS_MAX',
      'region/records/bounded-facts.ts': 'DISKS_KEPT_MAX FACTS_BYTES_MAX',
      'region/records/hardware-facts.ts':
        'CPUS_MAX DISKS_MAX DISK_BYTES_MAX FACT_TEXT_RECEIVED_MAX MEMORY_MIB_MAX NICS_MAX PROBLEMS_MAX',
      'region/life/signal.ts': 'MESSAGE_MAX STAGE_MAX',
      'region/records/tags.ts': 'TAGGED_MAX',
      'region/page/sessions.ts': 'COOKIES_MAX',
      'region/records/power-parameters.ts': 'POWER_PARAMETERS_MAX',
      'region/records/rack-description.ts': 'HOST_ADDRESSES_MAX RESERVATIONS_REPORTED_MAX',
      'region/racks/rack-images.ts': 'KERNEL_NAMES_MAX RACK_IMAGES_MAX',
      'region/racks/rack-news.ts': 'BATCH_VALUES_MAX COPIES_MAX COUNT_MAX ENTRIES_MAX HEARTBEAT_VALUES_MAX',
      'region/records/rack.ts': 'PINNED_MAX RACK_INTERFACES_MAX',
      'region/records/script-store.ts': 'OUTPUT_BYTES_MAX',
      'region/scripts/script-output.ts': 'OFFSET_MAX',
      'region/scripts/script-text.ts': 'HEADER_LINES_MAX SCRIPT_BYTES_MAX SCRIPT_TAGS_MAX',
      'region/records/text-json.ts': 'JSON_VALUES_MAX',
      'region/records/smbios.ts': 'MEMORY_BANKS_MAX MIB_MAX PROCESSORS_MAX SMBIOS_BYTES_MAX STRUCTURES_MAX',
      'store/leases/lease-mark.ts': 'FILE_BYTES_MAX',
      'store/leases/lease-record.ts': 'RECORD_BYTES_MAX',
      'store/operations/stored-event.ts': 'LIST_MAX SHORT_MAX TEXTS_MAX',
      'store/operations/region-events.ts': 'KIND_MAX',
      'store/leases/reported-ends.ts': 'FILE_BYTES_MAX',
      'store/state-lock.ts': 'LOCKS_BYTES_MAX',
      'tftp/packet.ts': 'ERROR_TEXT_BYTES_MAX OPTIONS_MAX REQUEST_BYTES_MAX',
      'tftp/terms.ts': 'ASKED_WINDOW_MAX BLOCK_BYTES_MAX WINDOW_BLOCKS_MAX WINDOW_BYTES_MAX',
      'uplink/desired-state-cache.ts': 'FILE_BYTES_MAX',
      'uplink/event-carrier.ts': 'ANSWER_BYTES_MAX BATCH_BYTES_MAX BATCH_ENTRIES_MAX',
      'uplink/link-answers.ts': 'ANSWER_BOUNDS',
      'uplink/link-transport.ts': 'ANSWER_BYTES_MAX',
      'uplink/outbox.ts': 'OUTBOX_BATCH_MAX',
      'uplink/rack-identity.ts': 'FILE_BYTES_MAX',
      'uplink/region-key.ts': 'KEY_BYTES_MAX',
      'uplink/state-follower.ts': 'STATE_BYTES_MAX',
    },
  },
  {
    because: 'how much is shown or told at once; the rest is counted, or comes next',
    names: {
      'daemon/rack/configuration.ts': 'REPORTED_MAX',
      'region-process/configuration.ts': 'REPORTED_MAX',
      'daemon/rack/machine-changes.ts': 'CHANGES_REPORTED_MAX',
      'daemon/rack/server-names.ts': 'ADDRESSES_MAX',
      'daemon/answers/trace.ts': 'SEEN_MAX',
      'daemon/answers/who.ts': 'NEAR_AMONG_MAX NEAR_MAX',
      'files/read-fault.ts': 'NAMES_MAX',
      'region/api/site/event-operations.ts': 'EVENTS_PER_PAGE_MAX',
      'region/page/deploy-form.ts': 'DISKS_MAX',
      'region/page/login.ts': 'NAMES_MAX',
      'region/api/networks/host-places.ts': 'HEARD_MAX',
      'region/records/boot-store.ts': 'SKIPPED_MAX',
      'region/page/machine-filters.ts': 'PAGE_MACHINES_MAX',
      'region/page/notices.ts': 'PAGE_CONFLICTS_MAX',
      'region/page/racks-part.ts': 'PAGE_NETWORKS_MAX',
      'region/page/timeline.ts': 'PAGE_STEPS_MAX',
      'region/scripts/script-run.ts': 'WORDS_MAX',
      'uplink/reported-copies.ts': 'COPIES_MAX',
    },
  },
  {
    because: 'how much is done or looked at in one turn or one step; the rest follows',
    names: {
      'daemon/rack/neighbourhood.ts': 'SCANNED_AT_ONCE_MAX',
      'daemon/rack/region-side.ts': 'LEFT_LOOKED_MAX',
      'region/api/networks/network-scan.ts': 'AT_ONCE_MAX',
      'region/api/names/domain-operations.ts': 'MOVED_AT_ONCE',
      'daemon/answers/lease-answers.ts': 'IMPORT_BATCH_MAX',
      'daemon/observing/metrics.ts': 'LEASES_PER_TURN_MAX',
      'region-thread/power-side.ts': 'LOOK_MAX',
      'region-thread/imports/plan.ts': 'IMAGES_OF_RUN_MAX',
      'dhcp/conflicts/conflict-check.ts': 'LOOKS_MAX',
      'dhcp/leases/lease-table.ts': 'ENDS_PER_CHOICE_MAX',
      'dhcp/leases/loading-leases.ts': 'KEPT_PER_LOOK_MAX',
      'dhcp/leases/offers.ts': 'OFFERS_LOOKED_MAX',
      'dhcp/responder.ts': 'EXPIRED_PER_TURN_MAX',
      'net/shares/fair-shares.ts': 'IDLE_LOOKS_MAX',
      'net/shares/connection-shares.ts': 'WAITING_LOOKS_MAX',
      'net/datagrams/datagram.ts': 'RECEIVE_BATCH_MAX',
      'net/datagrams/frame-tap.ts': 'TAKEN_MAX',
      'net/linux/netlink-dump.ts': 'DRAIN_MAX',
      'observe/event-stream.ts': 'EVENTS_PER_TURN_MAX REST_TURNS_MAX',
      'observe/log-writer.ts': 'TAKING_AGAIN_BYTES_MAX',
      'region/http/event-followers.ts': 'LOOK_EVENTS_MAX',
      'region/identity/new-machines.ts': 'UNTOUCHED_LOOKED_MAX',
      'region/life/machine-agent.ts': 'CANDIDATES_MAX',
      'region/life/machine-life.ts': 'EVENTS_LOOKED_MAX OVERDUE_MAX',
      'region/life/signs-of-life.ts': 'EVENTS_LOOKED_MAX',
      'region/life/static-addresses.ts': 'RANGE_MAX',
      'store/leases/fold-pass.ts': 'BLOCK_RECORDS_MAX PASS_BLOCKS_MAX PASS_BYTES_MAX',
      'store/leases/lease-database.ts':
        'FOLD_BLOCKS_MAX FOLD_BYTES_MAX FOLD_RECORDS_MAX LOAD_BYTES_MAX PROBE_BYTES_MAX',
      'store/leases/lease-journal.ts': 'BATCH_RECORDS_MAX',
      'store/operations/machine-updates.ts': 'UPDATED_AT_ONCE',
      'store/operations/region-identity.ts': 'HOLDERS_MAX',
      'store/operations/region-machine-reads.ts': 'FEW_CHANGED_MAX',
      'http/send.ts': 'LIST_ENTRIES',
      'store/outbox/outbox-database.ts': 'DROP_CHUNK',
      'store/copying/region-copy.ts': 'CHUNK',
      'store/copying/copy-postgres.ts': 'PARAMETERS_MAX',
      'store/operations/region-machine-stamps.ts': 'READ_AT_ONCE STAMPED_AT_ONCE',
      'store/operations/event-cuts.ts': 'CUT_EVERY',
      'store/operations/region-power.ts': 'FORGET_EVERY',
      'region/page/machine-filters.ts': 'TURN_MACHINES',
      'region/http/rack-batch.ts': 'REPORTS_AT_ONCE',
      'region-thread/imports/host-images.ts': 'ID_BYTES_MAX',
      'region/http/lists.ts': 'LIST_PIECE_BYTES',
      'region/api/machines/allocate-operation.ts': 'CANDIDATES_CHUNK',
      'region/api/machines/tag-rebuild.ts': 'EVALUATED_AT_ONCE',
      'region/api/machines/machine-list.ts': 'LIST_CHUNK',
      'region/api/names/node-names.ts': 'NODES_CHUNK',
      'region/api/racks/group-calls.ts': 'MACHINES_CHUNK',
      'region/networks/range-check.ts': 'PIECE',
      'store/operations/region-networks.ts': 'LAYOUTS_PIECE',
      'net/datagrams/absent-hosts.ts': 'LOOK_FROM',
    },
  },
  {
    because: 'how often one thing is tried, or happens, before something else is done',
    names: {
      'region-thread/imports/import-run.ts': 'LOCKED_TRIES_MAX PAUSES_MAX',
      'images/download/document.ts': 'ROUNDS_MAX',
      'images/download/web-client.ts': 'INFORMATION_MAX REDIRECTS_MAX',
      'boot/loader-loops.ts': 'LOOP_LOADS_MAX',
      'dhcp/answers/earlier-promise.ts': 'ON_TIME_MAX',
      'dhcp/foreign/foreign-servers.ts': 'PROBES_MISSED_MAX',
      'dhcp/responder.ts': 'PROBES_PER_MESSAGE_MAX',
      'dns/answer.ts': 'CNAME_CHAIN_MAX',
      'dns/forward.ts': 'ATTEMPT_ROUNDS_MAX',
      'dns/upstream-reply.ts': 'ALIASES_MAX',
      'dns/upstream.ts': 'UNANSWERED_MAX',
      'nearest-name.ts': 'SUGGESTION_EDITS_MAX ABBREVIATION_CHARACTERS_MIN',
      'net/linux/netlink-dump.ts': 'DUMP_RETRIES_MAX',
      'observe/hints.ts': 'LOADS_MAX OFFERS_UNTAKEN_MAX UNACKNOWLEDGED_MAX',
      'power/answer-search.ts': 'SEARCHES_MAX',
      'power/readings.ts': 'INTERVALS_MAX',
      'power/webhook.ts': 'REDIRECTS_MAX',
      'region/identity/hostname.ts': 'DRAWS_MAX',
      'region/life/disk-start.ts': 'DISK_STARTS_MAX',
      'region/life/network-boots.ts': 'BOOTS_MAX',
      'store/postgres/postgres-rates.ts': 'BATCH_MAX CLEANED_MAX',
      'store/postgres/postgres-transactions.ts': 'ASKS_MAX LOSSES_MAX',
      'store/operations/region-decisions.ts': 'QUESTIONS_MAX',
      'tftp/transfer.ts': 'HOLD_DOUBLINGS_MAX SENDINGS_MAX',
    },
  },
  {
    because: 'only the operator, the host or its power controllers add to it, never a stranger',
    names: {
      'dhcp/leases/address-pool.ts': 'POOL_ADDRESSES_MAX',
      'dns/upstream-sockets.ts': 'UPSTREAM_SOCKETS',
      'files/slice-cache.ts': 'SLICES_PER_FILE_MAX',
      'net/watch/interface-table.ts': 'ADDRESSES_MAX INTERFACES_MAX',
      'net/watch/net-worker.ts': 'DESCRIPTORS_MAX',
      'net/port-owner.ts': 'DESCRIPTORS_MAX ENTRIES_MAX PROCESSES_MAX WORDS_MAX',
      'net/linux/socket-list.ts': 'ANSWERS_MAX',
      'region-thread/power-askers.ts': 'ASKERS_MAX',
      'region/api/site/settings-operations.ts': 'CHANGES_MAX',
      'store/pending-restore.ts': 'MANIFEST_BYTES_MAX',
      'power/ipmi.ts': 'LINES_MAX',
      'power/virsh-words.ts': 'GUESTS_MAX',
      'store/postgres/postgres-neighbours.ts': 'SAID_BYTES_MAX',
    },
  },
  {
    because:
      'memory or disk that is given back when it was more than this for a while, or grows from this on; nothing is refused for it',
    names: {
      'store/database-file.ts': 'WAL_BYTES_KEPT_MAX',
      'store/leases/lease-journal.ts': 'SPARE_BYTES_MAX',
      'store/leases/lease-record.ts': 'FIRST_CAPACITY',
    },
  },
];

/** Every plain limit that is listed, as `file NAME`. */
export const listedPlain = (): readonly string[] =>
  PLAIN.flatMap(({ names }) =>
    Object.entries(names).flatMap(([file, list]) => list.split(' ').map((name) => `${file} ${name}`)),
  );

/** True for a bound that a rule recognises as a plain limit. */
export function isPlainByRule(at: string): boolean {
  const name = at.slice(at.indexOf(' ') + 1);
  // The operator sets these, and other clients fill them.
  if (/^[a-z]/.test(name)) return false;
  if (TIME.test(name) || isTrusted(at)) return true;
  return ONE_VALUE.test(name) && !PILES_UP.test(name);
}
