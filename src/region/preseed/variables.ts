// The names that templates may use: the meaning of each, and its value for a request.
// docs/preseeds.md is generated from this table.
//
// Sources: cloud-init, "MAAS" data source (keys of `datasource.MAAS`), "Reporting" (webhook); RFC
// 5849 §3.5.1 for the header.
//
// 1. A name that does not apply to a request is undefined there, never empty.

import { machineFqdn } from '../records/machine.ts';
import { quoteDebconf, quoteYaml } from './quoting.ts';
import { type PreseedRequest, PURPOSES } from './request.ts';
import { isMapping, Markup, type Value, type Variables } from './value.ts';

interface VariableDescription {
  readonly meaning: string;
  readonly example: string;
  readonly read: (request: PreseedRequest) => Value | undefined;
}

const metadataUrl = ({ serverUrl }: PreseedRequest): string => `${serverUrl}/metadata`;
const isUbuntu = ({ osystem }: PreseedRequest): boolean => osystem === 'ubuntu';

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
      tag_names: machine.tags.map(({ name }) => name),
    }
  );
}

/**
 * The comment after a key has no effect, but often contains `DOMAIN\user`, and debconf does not
 * keep back-slashes.
 */
const collectSshKeys = ({ sshKeys, purpose }: PreseedRequest): Value =>
  PURPOSES[purpose].language === 'debconf' ? sshKeys.map((key) => key.replaceAll('\\', '/')) : sshKeys;

function authorization({ credentials }: PreseedRequest): Value | undefined {
  if (credentials === undefined) return undefined;
  const encode = encodeURIComponent;
  const parts = [
    'oauth_version="1.0"',
    'oauth_signature_method="PLAINTEXT"',
    `oauth_consumer_key="${encode(credentials.consumerKey)}"`,
    `oauth_token="${encode(credentials.tokenKey)}"`,
    `oauth_signature="${encode(`&${encode(credentials.tokenSecret)}`)}"`,
    // The standard requires both; they have no effect, because the header contains the secret itself.
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
        // Separates the reports of an installing environment from those of the installed system.
        endpoint: `${metadataUrl(request)}/${isCurtin ? 'curtin/' : ''}status/${machine.systemId}`,
        ...key,
      },
    },
  };
}

/**
 * The data source as lines of a file for cloud-init.
 *
 * Quirk: ds-identify, which looks for a data source when a system starts, reads line by line:
 * `datasource_list:` and `MAAS:` must each begin a line, or cloud-init does not start at all.
 */
export function cloudConfigLines(request: PreseedRequest): readonly string[] | undefined {
  const source = datasource(request);
  if (source === undefined || !isMapping(source)) return undefined;
  const lines: string[] = [];
  for (const [name, value] of Object.entries(source)) {
    if (isMapping(value)) lines.push(`${name}:`);
    const parts: readonly (readonly [string, Value])[] = isMapping(value) ? Object.entries(value) : [[name, value]];
    for (const [key, item] of parts) {
      const quoted = quoteYaml(item);
      if (!quoted.ok) return undefined;
      lines.push(`${isMapping(value) ? '  ' : ''}${key}: ${quoted.text}`);
    }
  }
  return lines;
}

function preseedData(request: PreseedRequest): Value | undefined {
  if (request.purpose === 'install') return debconfAnswers(request);
  const lines = cloudConfigLines(request);
  return lines && new Markup(['#cloud-config', ...lines].join('\n'), 'yaml');
}

function debconfAnswers(request: PreseedRequest): Value | undefined {
  const { credentials, machine } = request;
  if (credentials === undefined || machine === undefined) return undefined;
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

export const VARIABLES: Readonly<Record<string, VariableDescription>> = {
  hostname: {
    meaning: "The machine's name.",
    example: 'calm-ibis',
    read: ({ machine }) => machine?.hostname,
  },
  domain: { meaning: 'Its domain.', example: 'maas', read: ({ machine }) => machine?.domain },
  fqdn: {
    meaning: 'Hostname and domain, with a dot between them.',
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
  osystem: { meaning: 'The system to install.', example: 'debian', read: ({ osystem }) => osystem },
  release: { meaning: 'Its release.', example: 'bookworm', read: ({ release }) => release },
  node: {
    meaning:
      'The machine as one value with parts: `node.hostname`, `node.domain`, `node.fqdn`, `node.system_id`, `node.architecture` (`amd64/generic`), ' +
      '`node.osystem`, `node.distro_series`, `node.tag_names`, a list.',
    example: '',
    read: nodeParts,
  },
  ssh_keys: {
    meaning:
      "The SSH keys of the machine's owner, a list. In debconf templates, back-slashes in a key's comment become slashes.",
    example: '[ssh-ed25519 AAAA… ada]',
    read: collectSshKeys,
  },
  default_user: {
    meaning: 'The user that the keys log in to.',
    example: 'debian',
    read: (request) => (isUbuntu(request) ? 'ubuntu' : 'debian'),
  },
  install_disk: {
    meaning: 'The disk to install on; empty: the first one.',
    example: '/dev/vda',
    read: ({ installDisk }) => installDisk,
  },
  install_disk_serial: {
    meaning: "A pattern for that disk's `ID_SERIAL` of udev; empty: the disk is identified by its name only.",
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
    meaning: "Its NTP servers, a list; empty: the system's own default.",
    example: '[10.20.0.1]',
    read: ({ ntpServers }) => ntpServers,
  },
  http_proxy: {
    meaning: 'The proxy; empty: none.',
    example: 'http://10.20.0.1:8000/',
    read: (preseedRequest) => preseedRequest.httpProxy,
  },
  mirror: {
    meaning: 'The package mirror: `mirror.url`, `mirror.protocol`, `mirror.host` (with its port), `mirror.directory`.',
    example: '',
    read: mirrorParts,
  },
  server_url: {
    meaning: "The region's URL for the machine.",
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
    meaning: 'The metadata service for unknown machines.',
    example: 'http://10.20.0.1:5240/MAAS/metadata/enlist',
    read: (request) => `${metadataUrl(request)}/enlist`,
  },
  node_disable_pxe_url: {
    meaning: 'The URL to which a machine reports that its disk is written; it boots from the disk from then on.',
    example: 'http://10.20.0.1:5240/MAAS/metadata/latest/by-id/4y3h7n/',
    read: netbootUrl,
  },
  node_disable_pxe_data: {
    meaning: 'The body that it posts there.',
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
    meaning: 'A secret: the configuration with which cloud-init finds its metadata, for `|json` or `|yaml`.',
    example: '{"datasource_list": ["MAAS"], …}',
    read: datasource,
  },
  cloud_config: {
    meaning:
      'A secret: that configuration as the lines of a file for `/etc/cloud/cloud.cfg.d`, a list. cloud-init needs these line breaks to start.',
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
      'A secret: that configuration as debconf answers in an `install` template, elsewhere as a whole document. Needs no filter.',
    example: '',
    read: preseedData,
  },
  curtin_preseed: {
    meaning:
      'A secret: that configuration as debconf answers, for `debconf_selections` of curtin: `str(curtin_preseed).splitlines()`.',
    example: '',
    read: debconfAnswers,
  },
  syslog_host_port: {
    meaning:
      "The region's host and the port of syslog. Rackboot receives no logs there, but a syslog server on the host may.",
    example: '10.20.0.1:514',
    read: ({ serverUrl }) => {
      const host = urlParts(serverUrl)?.hostname;
      return host && `${host}:514`;
    },
  },
  license_key: { meaning: 'Always empty, for the same reason as `driver`.', example: '', read: () => '' },
  main_archive_hostname: {
    meaning: "The host of Ubuntu's mirror, for older templates.",
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
    meaning: 'Always false; older templates test it before they use a third-party driver.',
    example: 'false',
    read: () => false,
  },
  driver: { meaning: 'Always empty, for the same reason.', example: '', read: () => '' },
  driver_package: { meaning: 'Always empty, for the same reason.', example: '', read: () => '' },
};

export function buildVariables(request: PreseedRequest): Variables {
  const pairs = Object.entries(VARIABLES).flatMap(([name, { read }]) => {
    const value = read(request);
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(pairs), ...request.overrides };
}
