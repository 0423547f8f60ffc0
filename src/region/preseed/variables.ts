// The names that templates may use: what each means, and how it follows from the request. docs/preseeds.md is made from this table.
//
// Sources: cloud-init, "MAAS" data source (keys of `datasource.MAAS`), "Reporting" (webhook); RFC 5849 §3.5.1 for the header.
//
// 1. A name that makes no sense for a request is not defined there; it is never empty in its stead.

import { machineFqdn } from '../records/machine.ts';
import { quoteDebconf, quoteYaml } from './quoting.ts';
import { type PreseedRequest, PURPOSES } from './request.ts';
import { isMapping, Markup, type Value, type Variables } from './value.ts';

/** One name. */
export interface VariableDescription {
  readonly meaning: string;
  readonly example: string;
  /** Undefined: it is not defined for this request. */
  readonly read: (request: PreseedRequest) => Value | undefined;
}

const metadataUrl = ({ serverUrl }: PreseedRequest): string => `${serverUrl}/metadata`;
const isUbuntu = ({ osystem }: PreseedRequest): boolean => osystem === 'ubuntu';

/** An address of the web cut up; undefined: it is none. */
function urlParts(text: string): { protocol: string; host: string; hostname: string; directory: string } | undefined {
  const url = URL.parse(text);
  if (url === null) return undefined;
  const directory = url.pathname.replace(/\/+$/, '');
  return { protocol: url.protocol.slice(0, -1), host: url.host, hostname: url.hostname, directory };
}

function mirrorUrl(request: PreseedRequest): string {
  const { mirrors, machine } = request;
  if (!isUbuntu(request)) return mirrors.debian;
  return ['amd64', 'i386'].includes(machine?.architecture ?? 'amd64') ? mirrors.ubuntu : mirrors.ubuntuPorts;
}

function mirrorParts(request: PreseedRequest): Value | undefined {
  const url = mirrorUrl(request);
  const parts = urlParts(url);
  return parts && { url, protocol: parts.protocol, host: parts.host, directory: parts.directory };
}

function nodeParts(request: PreseedRequest): Value | undefined {
  const { machine, osystem, release } = request;
  return (
    machine && {
      system_id: machine.systemId,
      hostname: machine.hostname,
      domain: machine.domain,
      fqdn: machineFqdn(machine),
      architecture: `${machine.architecture}/${machine.subarchitecture}`,
      osystem,
      distro_series: release,
    }
  );
}

/** The name behind a key means nothing to whoever checks it; `DOMAIN\user` is common there, and debconf keeps no back-slash. */
const sshKeysOf = ({ sshKeys, purpose }: PreseedRequest): Value =>
  PURPOSES[purpose].language === 'debconf' ? sshKeys.map((key) => key.replaceAll('\\', '/')) : sshKeys;

/** The header by which the machine's requests are known. */
function authorization({ credentials }: PreseedRequest): Value | undefined {
  if (credentials === undefined) return undefined;
  const encode = encodeURIComponent;
  const parts = [
    'oauth_version="1.0"',
    'oauth_signature_method="PLAINTEXT"',
    `oauth_consumer_key="${encode(credentials.consumerKey)}"`,
    `oauth_token="${encode(credentials.tokenKey)}"`,
    `oauth_signature="${encode(`&${encode(credentials.tokenSecret)}`)}"`,
    // They are demanded by the standard, and judged by nobody where the secret itself is in the header.
    'oauth_nonce="0"',
    'oauth_timestamp="0"',
  ];
  return `OAuth ${parts.join(', ')}`;
}

function datasource(request: PreseedRequest): Value | undefined {
  const { credentials, machine, purpose } = request;
  if (credentials === undefined || machine === undefined) return undefined;
  const key = {
    consumer_key: credentials.consumerKey,
    token_key: credentials.tokenKey,
    token_secret: credentials.tokenSecret,
  };
  const isCurtin = purpose === 'curtin';
  return {
    datasource_list: ['MAAS'],
    datasource: { MAAS: { ...key, metadata_url: `${metadataUrl(request)}/${isCurtin ? 'curtin/' : ''}` } },
    reporting: {
      rackboot: {
        type: 'webhook',
        // What an environment that only installs reports is kept apart from what the installed system says.
        endpoint: `${metadataUrl(request)}/${isCurtin ? 'curtin/' : ''}status/${machine.systemId}`,
        ...key,
      },
    },
  };
}

/**
 * The same as lines of a file for cloud-init.
 *
 * Quirk: what looks for a data source at the start of a system (ds-identify) reads line by line: `datasource_list:` and `MAAS:` have to
 * begin one each, or cloud-init is not started at all.
 */
export function cloudConfigLines(request: PreseedRequest): readonly string[] | undefined {
  const found = datasource(request);
  if (found === undefined || !isMapping(found)) return undefined;
  const lines: string[] = [];
  for (const [name, value] of Object.entries(found)) {
    if (isMapping(value)) lines.push(`${name}:`);
    const parts: readonly (readonly [string, Value])[] = isMapping(value) ? Object.entries(value) : [[name, value]];
    for (const [key, one] of parts) {
      const quoted = quoteYaml(one);
      if (!quoted.ok) return undefined;
      lines.push(`${isMapping(value) ? '  ' : ''}${key}: ${quoted.text}`);
    }
  }
  return lines;
}

/** The same for a package that is configured by debconf, or as a document of its own. */
function preseedData(request: PreseedRequest): Value | undefined {
  const { credentials, purpose } = request;
  const found = datasource(request);
  if (found === undefined || credentials === undefined) return undefined;
  if (purpose !== 'install') {
    const lines = cloudConfigLines(request);
    return lines && new Markup(['#cloud-config', ...lines].join('\n'), 'yaml');
  }
  const key = new URLSearchParams({
    oauth_consumer_key: credentials.consumerKey,
    oauth_token_key: credentials.tokenKey,
    oauth_token_secret: credentials.tokenSecret,
  });
  const answers = [
    ['cloud-init/datasources multiselect', 'MAAS'],
    ['cloud-init/maas-metadata-url string', `${metadataUrl(request)}/`],
    ['cloud-init/maas-metadata-credentials string', key.toString()],
  ].map(([question = '', value = '']) => ({ question, value: quoteDebconf(value) }));
  const lines = answers.flatMap(({ question, value }) => (value.ok ? [`cloud-init ${question} ${value.text}`] : []));
  return lines.length === answers.length ? new Markup(lines.join('\n'), 'debconf') : undefined;
}

const netbootUrl = (request: PreseedRequest): Value | undefined =>
  request.machine && `${metadataUrl(request)}/latest/by-id/${request.machine.systemId}/`;

/** Every name, in the order of the documents. */
export const VARIABLES: Readonly<Record<string, VariableDescription>> = {
  hostname: {
    meaning: "The machine's name.",
    example: 'calm-ibis',
    read: ({ machine }) => machine?.hostname,
  },
  domain: { meaning: 'Its domain.', example: 'maas', read: ({ machine }) => machine?.domain },
  fqdn: {
    meaning: 'Both, with a dot between them.',
    example: 'calm-ibis.maas',
    read: ({ machine }) => machine && machineFqdn(machine),
  },
  system_id: { meaning: "The region's name for it.", example: '4y3h7n', read: ({ machine }) => machine?.systemId },
  architecture: { meaning: 'Its architecture.', example: 'amd64', read: ({ machine }) => machine?.architecture },
  subarchitecture: {
    meaning: 'Its sub-architecture.',
    example: 'generic',
    read: ({ machine }) => machine?.subarchitecture,
  },
  osystem: { meaning: 'What is installed.', example: 'debian', read: ({ osystem }) => osystem },
  release: { meaning: 'Which release of it.', example: 'bookworm', read: ({ release }) => release },
  node: {
    meaning:
      'The machine once more, by parts: `node.hostname`, `node.domain`, `node.fqdn`, `node.system_id`, `node.architecture` (`amd64/generic`), ' +
      '`node.osystem`, `node.distro_series`.',
    example: '',
    read: nodeParts,
  },
  ssh_keys: {
    meaning:
      "The SSH keys of the machine's owner, a list. Where debconf carries them, a back-slash in the name of one is written as a slash.",
    example: '[ssh-ed25519 AAAA… ada]',
    read: sshKeysOf,
  },
  default_user: {
    meaning: 'The user that the keys open.',
    example: 'debian',
    read: (request) => (isUbuntu(request) ? 'ubuntu' : 'debian'),
  },
  install_disk: {
    meaning: 'The disk that is filled; empty: the first one.',
    example: '/dev/vda',
    read: ({ installDisk }) => installDisk,
  },
  install_disk_serial: {
    meaning:
      "A pattern of that disk's serial number, as udev's `ID_SERIAL` has it; empty: it is known by its name only.",
    example: '*_S59ANMFN*',
    read: ({ installDiskSerial }) => installDiskSerial,
  },
  kernel_opts: {
    meaning: 'Kernel arguments for the installed system.',
    example: 'console=ttyS0,115200n8',
    read: ({ kernelParams }) => kernelParams,
  },
  locale: { meaning: 'Language of the system.', example: 'en_US.UTF-8', read: () => 'en_US.UTF-8' },
  keyboard: { meaning: 'Its keyboard.', example: 'us', read: () => 'us' },
  timezone: { meaning: 'Its time zone.', example: 'Etc/UTC', read: () => 'Etc/UTC' },
  ntp_servers: {
    meaning: 'Where it gets the time, a list; empty: its own default.',
    example: '[10.20.0.1]',
    read: ({ ntpServers }) => ntpServers,
  },
  http_proxy: {
    meaning: 'The proxy; empty: none.',
    example: 'http://10.20.0.1:8000/',
    read: (one) => one.httpProxy,
  },
  mirror: {
    meaning:
      'Where packages come from: `mirror.url`, `mirror.protocol`, `mirror.host` (with its port), `mirror.directory`.',
    example: '',
    read: mirrorParts,
  },
  server_url: {
    meaning: 'The region as the machine reaches it.',
    example: 'http://10.20.0.1:5240/MAAS',
    read: ({ serverUrl }) => serverUrl,
  },
  server_host: {
    meaning: "The region's name or address alone.",
    example: '10.20.0.1',
    read: ({ serverUrl }) => urlParts(serverUrl)?.hostname,
  },
  metadata_url: {
    meaning: 'The metadata service.',
    example: 'http://10.20.0.1:5240/MAAS/metadata',
    read: metadataUrl,
  },
  metadata_enlist_url: {
    meaning: 'The same for machines that nobody knows.',
    example: 'http://10.20.0.1:5240/MAAS/metadata/enlist',
    read: (request) => `${metadataUrl(request)}/enlist`,
  },
  node_disable_pxe_url: {
    meaning: 'Where a machine says that its disk is written and that it shall boot it from now on.',
    example: 'http://10.20.0.1:5240/MAAS/metadata/latest/by-id/4y3h7n/',
    read: netbootUrl,
  },
  node_disable_pxe_data: {
    meaning: 'What it posts there.',
    example: 'op=netboot_off',
    read: ({ machine }) => machine && 'op=netboot_off',
  },
  authorization: {
    meaning: "A secret: the `Authorization` header of the machine's own requests.",
    example: 'OAuth oauth_version="1.0", …',
    read: authorization,
  },
  oauth_consumer_key: {
    meaning: "A secret: the first part of the machine's key.",
    example: '',
    read: ({ credentials }) => credentials?.consumerKey,
  },
  oauth_token_key: {
    meaning: 'A secret: the second part.',
    example: '',
    read: ({ credentials }) => credentials?.tokenKey,
  },
  oauth_token_secret: {
    meaning: 'A secret: the third part.',
    example: '',
    read: ({ credentials }) => credentials?.tokenSecret,
  },
  datasource: {
    meaning: 'A secret: the configuration by which cloud-init finds its metadata, for `|json` or `|yaml`.',
    example: '{"datasource_list": ["MAAS"], …}',
    read: datasource,
  },
  cloud_config: {
    meaning:
      'A secret: the same as the lines of a file for `/etc/cloud/cloud.cfg.d`, a list. What starts cloud-init reads them as lines.',
    example: '[datasource_list: ["MAAS"], datasource:, …]',
    read: cloudConfigLines,
  },
  cloud_config_text: {
    meaning: 'A secret: these lines as one text.',
    example: '',
    read: (request) =>
      cloudConfigLines(request)
        ?.map((line) => `${line}\n`)
        .join(''),
  },
  preseed_data: {
    meaning:
      'A secret: the same as answers for debconf in an `install` template, as a whole document elsewhere. Written as it is.',
    example: '',
    read: preseedData,
  },
  main_archive_hostname: {
    meaning: "The host of Ubuntu's mirror, as older templates know it.",
    example: 'archive.ubuntu.com',
    read: ({ mirrors }) => urlParts(mirrors.ubuntu)?.host,
  },
  main_archive_directory: {
    meaning: 'Its directory.',
    example: '/ubuntu',
    read: ({ mirrors }) => urlParts(mirrors.ubuntu)?.directory,
  },
  ports_archive_hostname: {
    meaning: "The host of Ubuntu's mirror of other architectures.",
    example: 'ports.ubuntu.com',
    read: ({ mirrors }) => urlParts(mirrors.ubuntuPorts)?.host,
  },
  ports_archive_directory: {
    meaning: 'Its directory.',
    example: '/ubuntu-ports',
    read: ({ mirrors }) => urlParts(mirrors.ubuntuPorts)?.directory,
  },
  third_party_drivers: {
    meaning: 'Always false: older templates ask it before they use a driver from elsewhere.',
    example: 'false',
    read: () => false,
  },
  driver: { meaning: 'Always empty, for the same reason.', example: '', read: () => '' },
  driver_package: { meaning: 'Always empty, for the same reason.', example: '', read: () => '' },
};

/** The names that a request defines, with their values. */
export function variablesOf(request: PreseedRequest): Variables {
  const found = Object.entries(VARIABLES).flatMap(([name, { read }]) => {
    const value = read(request);
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(found), ...request.overrides };
}
