// What a remote rack reports of itself with each heartbeat, and its region validates: one schema
// for both ends. The rack uses only its types, and so does not load zod.
//
// 1. Every text, list and number has a bound; a network wider than NETWORK_PREFIX_MIN is refused.
// 2. Texts for people are cleaned here, before they are stored, because a rack is another host.
// 3. An invalid image is skipped; the other ones and the heartbeat stay valid.
//
// Source of the names of an interface: the `interfaces` of `nodegroups/?op=register`.

import { z } from 'zod';
import { parseIpv4, parseMac, parseNetwork } from '../../ground/address.ts';
import { cleanText } from '../../ground/clean-text.ts';
import { UUID_PATTERN } from '../../ground/clock.ts';
import type { Frozen } from '../../ground/fields.ts';
import {
  FINDING_LENGTH_MAX,
  FINDINGS_MAX,
  HOST_ADDRESSES_MAX,
  INTERFACE_SERVERS_MAX,
  LISTENERS_MAX,
  NETWORK_PREFIX_MIN,
  PINNED_MAX,
  RACK_ANSWERS_MAX,
  RACK_IMAGES_MAX,
  RACK_INTERFACES_MAX,
  RESERVATIONS_REPORTED_MAX,
  SERVERS_NAMED_MAX,
  SETTINGS_REFUSED_LENGTH_MAX,
  THREADS_MAX,
  WAKE_INTERFACES_MAX,
} from './heartbeat-bounds.ts';

/** The last moment that a date can name, wall time in milliseconds. */
const MOMENT_MAX = 8.64e15;
const COPIES_MAX = 16;

export const shownText = (charactersMax: number) =>
  z
    .string()
    .max(charactersMax)
    .transform((text) => cleanText(text, charactersMax));

export const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const moment = z.number().int().min(0).max(MOMENT_MAX);

export const rackUuid = z.string().regex(UUID_PATTERN, 'is not a UUID in lower case');
export const rackName = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'give lower-case letters, digits and hyphens, at most 63');
export const rackVersion = z.string().regex(/^[\w.+-]{1,64}$/, 'is not a version');

const RACK_ADDRESS = 'is not an IPv4 address';

/** Text; empty: none. */
const address = z
  .string()
  .refine((text) => text === '' || parseIpv4(text) !== undefined, RACK_ADDRESS)
  .default('');
const network = z.string().refine((text) => {
  const parsed = parseNetwork(text);
  return parsed !== undefined && parsed.prefix >= NETWORK_PREFIX_MIN;
}, `is not a network such as 10.20.0.0/24, with a prefix of at least ${NETWORK_PREFIX_MIN}`);

/** The name of a network interface of a host; empty: none. */
const hostInterface = z
  .string()
  .regex(/^[^\s/]{0,15}$/, 'is not the name of an interface')
  .transform((text) => cleanText(text));

const hostAddress = z.string().refine((text) => {
  const [address = '', prefix = '', ...rest] = text.split('/');
  return rest.length === 0 && parseIpv4(address) !== undefined && /^\d{1,2}$/.test(prefix) && Number(prefix) <= 32;
}, RACK_ADDRESS);

/** The smallest that is legal (RFC 2132 §5.1). */
const HOST_MTU_MIN = 68;

const hardwareAddress = z.string().refine((text) => parseMac(text) !== undefined, 'is not a MAC address');

const DOMAIN = /^(?:[a-z0-9-]{1,63}\.)*[a-z0-9-]{1,63}$/;
const DOMAIN_LENGTH_MAX = 253;

export const rackInterfaces = z
  .array(
    z.object({
      name: z.string().regex(/^[\w:.-]{1,64}$/, 'is not a name'),
      /** Of the rack's host; empty for a network behind relay agents only. */
      interface: hostInterface.default(''),
      /** The rack's own. */
      ip: address,
      network,
      /** 0: no DHCP, 1: DHCP, 2: DHCP and DNS. */
      management: z.literal([0, 1, 2]),
      /** Another DHCP server gives the addresses; absent: the rack does, or it is older. */
      mode: z.literal('proxy').optional(),
      ip_range_low: address,
      ip_range_high: address,
      static_ip_range_low: address,
      static_ip_range_high: address,
      router_ip: address,
      /** As the rack's file has them; absent if it has none, or the rack is older. */
      domain: z.string().max(DOMAIN_LENGTH_MAX).regex(DOMAIN).optional(),
      dns_servers: z.array(z.ipv4()).max(INTERFACE_SERVERS_MAX).optional(),
      mtu: z
        .int()
        .min(0)
        .max(65_535)
        .transform((mtu) => Math.max(mtu, HOST_MTU_MIN))
        .optional(),
      /**
       * Interfaces with the same name share a network. Absent: the shared network of its host's
       * interface.
       */
      shared: z.string().max(64).optional(),
      /** The first other DHCP server seen there. */
      foreign_dhcp_ip: z.ipv4().optional(),
      /** Possibly for clients that the region does not know. */
      reservations: z
        .array(
          z.object({
            /** `NO_MAC` if the client is not identified by its hardware address. */
            mac: hardwareAddress,
            ip: address,
            /** One label; absent: none, or the rack does not report names. */
            hostname: z.string().min(1).max(63).toLowerCase().optional(),
          }),
        )
        .max(RESERVATIONS_REPORTED_MAX)
        .optional(),
    }),
  )
  .max(RACK_INTERFACES_MAX);

const listeners = z.array(shownText(80)).max(LISTENERS_MAX);

const hostState = z.object({
  /** The rack's wall time when this was sent. */
  atMs: moment,
  memoryBytes: count,
  /** Of the state directory; absent: the system does not say. */
  disk: z.object({ freeBytes: count, totalBytes: count }).optional(),
  /** What `rackboot status` says on the rack's host about problems. */
  findings: z
    .array(
      z.object({
        /** Such as `DHCP on eth1`. */
        check: shownText(100),
        /** The observation, often with its remedy. */
        text: shownText(FINDING_LENGTH_MAX),
        /** Nothing is broken. */
        isNote: z.boolean(),
        /** A command that helps; absent: the text says what to do. */
        fix: shownText(FINDING_LENGTH_MAX).optional(),
      }),
    )
    .max(FINDINGS_MAX),
  /** The threads of the rack's process, since the measure before; absent: the rack is older. */
  running: z
    .object({
      /** `busy` is the share of the time in which it worked. */
      threads: z.array(z.object({ name: shownText(40), busy: z.number().min(0).max(1) })).max(THREADS_MAX),
      /** How long the rack's event loop made a task wait, at most. */
      delayMs: count,
    })
    .optional(),
});

const measures = z.object({
  /** Absent: the rack still starts, or is older. */
  host: hostState.optional(),
  startedMs: moment,
  /** Only grow, within one life of the rack's process. */
  counts: z.object({ leases: count, tftpBytes: count, httpBytes: count, dnsQueries: count }),
  /** Addresses of all dynamic ranges: taken, and all. */
  taken: count,
  usable: count,
  /** `10.20.0.1:69`; of DHCP the names of its sockets. */
  listening: z.object({ dhcp: listeners, tftp: listeners, http: listeners, dns: listeners }),
});

/** Bound on the names of one kernel; a rack reports two at most. */
const KERNEL_NAMES_MAX = 8;

const name = z.string().regex(/^[a-z0-9][a-z0-9_.+-]{0,62}$/);
const size = z.number().int().min(1).max(Number.MAX_SAFE_INTEGER);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const startFile = z.object({ path: z.string().regex(/^\/images\/[0-9a-f]{2}\/[0-9a-f]{64}\.file$/), sha256 });
const rackImage = z
  .object({
    os: name,
    release: name,
    architecture: name,
    subarchitecture: name,
    label: name,
    serial: z.string().regex(/^\d{8}(?:\.\d{1,4})?$/),
    /** On the rack's boot listener. */
    path: z.string().regex(/^\/images\/[0-9a-f]{2}\/[0-9a-f]{64}\.(?:img(?:\.zst)?|squashfs|root\.(?:tar|gz))$/),
    /** Of the served bytes. */
    sha256,
    bytes: size,
    /** Size on the disk. */
    diskBytes: size,
    format: z.enum(['raw', 'raw.zst', 'squashfs', 'root.tar', 'root.gz']),
    /**
     * Kernel and initrd that boot this root file system; absent if the image is a disk or contains
     * its own.
     */
    starts: z.object({ kernel: startFile, initrd: startFile }).optional(),
    /** The stream's name of that kernel, and all its names. */
    system: z.object({ subarch: name, subarches: z.array(name).max(KERNEL_NAMES_MAX).optional() }).optional(),
    /** The rack copied it from its region. */
    isCopy: z.boolean().optional(),
  })
  .refine(({ path, sha256 }) => path.includes(sha256));

export const parseRackImages = (list: readonly unknown[]) =>
  list.slice(0, RACK_IMAGES_MAX).flatMap((entry) => {
    const checked = rackImage.safeParse(entry);
    return checked.success ? [checked.data] : [];
  });

export const heartbeat = z.object({
  version: rackVersion,
  uplink: z.number().int().min(0).max(65_535),
  life: z
    .string()
    .min(1)
    .max(64)
    .transform((text) => cleanText(text)),
  /** The version of the desired state that it has in force. */
  applied: count,
  /** Events not yet delivered. */
  waiting: count,
  dropped: count,
  deadLetters: count,
  /** Keys set in its file: `dns.upstream`. */
  pinned: z.array(shownText(200)).max(PINNED_MAX),
  interfaces: rackInterfaces,
  /** All of its host's; absent from racks that do not report them. */
  addresses: z
    .array(
      z.object({
        interface: hostInterface,
        /** `10.20.0.1/24`. */
        address: hostAddress,
        /** Of the interface; absent: none, or the rack does not say. */
        mac: hardwareAddress.optional(),
        /**
         * The interface leads to the host's default router: often a network that another DHCP
         * server serves.
         */
        isOutward: z.boolean().optional(),
        /** The host's default router, if it is in the network of the address. */
        router: z.ipv4().optional(),
      }),
    )
    .max(HOST_ADDRESSES_MAX)
    .optional(),
  startedAt: moment,
  /** Absent from racks that do not measure. */
  measures: measures.optional(),
  /** Why it does not use the region's stored settings; absent if it does. */
  settingsRefused: shownText(SETTINGS_REFUSED_LENGTH_MAX).optional(),
  /** Absent if the images have not changed since the last report, or the rack has no image store. */
  images: z.array(z.unknown()).transform(parseRackImages).optional(),
  /** Copies of the region's images that have advanced since the last report. */
  copies: z
    .array(z.object({ file: shownText(1024), bytes: count, total: count.optional(), error: shownText(1024) }))
    .max(COPIES_MAX)
    .optional(),
  /** Absent if the region has asked for nothing. */
  answers: z
    .array(
      z.object({
        id: shownText(64),
        /**
         * `done`: the change is on disk, or the search is over; `absent`: the rack has no such
         * lease, or can neither ask nor send there; `unwritten`: it cannot write leases now.
         */
        outcome: z.enum(['done', 'absent', 'unwritten']),
        /** The addresses of the servers that a search found. */
        servers: z.array(z.ipv4()).max(SERVERS_NAMED_MAX).optional(),
        /** Whether the host answered by ARP. */
        isHeard: z.boolean().optional(),
        /** The interfaces on which a magic packet was sent. */
        interfaces: z.array(shownText(15)).max(WAKE_INTERFACES_MAX).optional(),
      }),
    )
    .max(RACK_ANSWERS_MAX)
    .optional(),
});

export type Heartbeat = Frozen<z.output<typeof heartbeat>>;
