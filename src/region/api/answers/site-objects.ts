// The objects in the answers of the API that belong to networks, names, images, people and the
// site. `answer-objects.ts` says how to read them.

import { MACHINE_TEXTS } from './node-objects.ts';

export const SITE_OBJECTS = {
  apiKey: {
    string: 'consumer_key token_key token_secret name',
  },
  bootImage: {
    integer: 'id',
    string: `
      osystem release architecture subarchitecture purpose label supported_subarches xinstall_path xinstall_type
      resource_uri`,
  },
  bootResource: {
    integer: 'id progress',
    string: 'name type architecture subarches label title resource_uri',
    boolean: 'complete',
    'imageImport|null': 'import',
  },
  bootSelection: {
    string: 'os release resource_uri',
    'string[]': 'arches subarches labels',
    integer: 'id boot_source_id',
    'pin|null': 'pinned_by?',
  },
  bootSource: {
    string: 'created updated url keyring_filename keyring_data resource_uri name? title? kind?',
    integer: 'id',
    'string|null': 'index? why?',
    boolean: 'unsigned?',
    'pin|null': 'pinned_by?',
  },
  discovery: {
    string: 'discovery_id ip mac_address first_seen last_seen fabric_name resource_uri',
    null: 'mac_organization',
    'any[]': 'mdns',
    'string|null': 'hostname',
    integer: 'fabric',
    'integer|null': 'vid',
    'subnet|null': 'subnet',
    boolean: 'is_external_dhcp',
    observer: 'observer',
  },
  dnsAddress: {
    string: 'ip alloc_type_name created resource_uri',
    integer: 'alloc_type',
    null: 'owner',
    'subnet|null': 'subnet',
    'any[]': 'interface_set',
  },
  dnsRecord: {
    integer: 'id',
    string: 'fqdn rrtype rrdata resource_uri',
    'integer|null': 'ttl',
  },
  dnsResource: {
    integer: 'id',
    string: 'fqdn resource_uri',
    'integer|null': 'address_ttl',
    'dnsAddress[]|null': 'ip_addresses',
    'dnsResourceRecord[]': 'resource_records',
  },
  dnsResourceRecord: {
    integer: 'id? node_type?',
    string: 'fqdn? rrtype rrdata resource_uri? system_id?',
    'integer|null': 'ttl',
    null: 'user_id? dnsresource_id? dnsdata_id?',
  },
  domain: {
    integer: 'id resource_record_count',
    string: 'name resource_uri',
    boolean: 'authoritative is_default',
    null: 'ttl',
  },
  event: {
    string: 'username node hostname level created type description time code?',
    integer: 'id',
    'string|null': 'kind rack',
    map: 'params?',
  },
  eventPage: {
    integer: 'count',
    'event[]': 'events',
    string: 'next_uri prev_uri',
  },
  fabric: {
    integer: 'id',
    string: 'name description resource_uri',
    'string|null': 'class_type',
    'vlan[]': 'vlans',
  },
  file: {
    string: 'filename key anon_resource_uri resource_uri content?',
  },
  freeRange: {
    string: 'start end',
    integer: 'num_addresses',
  },
  imageImport: {
    string: 'state source',
    'string|null': 'serial reason next_try',
    integer: 'bytes',
    'integer|null': 'total bytes_per_second seconds_left',
  },
  imageVersion: {
    integer: 'id size',
    string: 'name version title sha256',
    'integer|null': 'disk_size',
    'string[]': 'hosts',
  },
  installer: {
    string: 'name release title architecture',
    'string|null': 'osystem',
  },
  ipAddress: {
    string: 'ip alloc_type_name created resource_uri mac? hostname? domain?',
    integer: 'alloc_type',
    'subnet|null': 'subnet',
    'interface[]': 'interface_set',
    'user|null': 'owner',
  },
  ipRange: {
    integer: 'id',
    string: 'type start_ip end_ip comment resource_uri',
    'user|null': 'user',
    subnet: 'subnet',
  },
  leftOut: {
    'leftOutImage[]': 'left_out',
    integer: 'more',
  },
  leftOutImage: {
    string: 'name reason',
    boolean: 'is_failure',
  },
  namedKey: {
    string: 'name token',
  },
  network: {
    'string|null': 'dns_servers default_gateway',
    string: 'name ip netmask resource_uri description',
    'integer|null': 'vlan_tag',
  },
  nodeSummary: {
    string: 'system_id fqdn hostname via?',
    integer: 'node_type',
    boolean: 'is_container',
  },
  observer: {
    string: 'system_id hostname interface_name',
    integer: 'interface_id',
  },
  offeredImage: {
    string: 'kind os release architecture title',
    'string[]': 'aliases',
    'string|null': 'date support_ends',
    'integer|null': 'size',
  },
  pin: {
    string: 'file key',
    integer: 'line',
  },
  pool: {
    integer: 'id',
    string: 'name description resource_uri',
  },
  profile: {
    string: 'name title kind file arguments script architecture resource_uri',
    'string[]': 'initrds machines tags pools except',
    boolean: 'unknown offered',
  },
  reservedIp: {
    integer: 'id',
    string: 'ip comment resource_uri',
    'string|null': 'mac_address',
    subnet: 'subnet',
  },
  scan: {
    string: 'result',
    'string[]': 'scan_attempted_on failed_to_connect_to scan_started_on scan_failed_on rpc_call_timed_out_on',
  },
  setting: {
    string: 'key',
    any: 'value',
  },
  sourceOffers: {
    'offeredImage[]': 'images',
    'string[]': 'problems',
    'string|null': 'answered',
  },
  space: {
    integer: 'id',
    string: 'name description resource_uri',
    'vlan[]': 'vlans',
    'subnet[]': 'subnets',
  },
  sshKey: {
    integer: 'id',
    string: 'key resource_uri',
    'string|null': 'keysource',
  },
  staticRoute: {
    integer: 'id metric',
    'subnet|null': 'source destination',
    string: 'gateway_ip resource_uri',
  },
  storedSetting: {
    string: 'key',
    any: 'value',
    'string|null': 'rack rack_name shadowed_by',
  },
  subnet: {
    integer: 'id rdns_mode',
    string: 'name description cidr space resource_uri dhcp_mode?',
    vlan: 'vlan',
    'string|null': 'gateway_ip',
    'string[]': 'dns_servers',
    boolean: 'allow_dns allow_proxy active_discovery managed is_discovered?',
    'any[]': 'disabled_boot_architectures',
  },
  subnetStatistics: {
    integer: 'num_available largest_available num_unavailable total_addresses ip_version',
    number: 'usage',
    string: 'usage_string available_string first_address last_address',
    'usedRange[]': 'ranges?',
    'string|null': 'suggested_gateway?',
    'freeRange|null': 'suggested_dynamic_range?',
  },
  usedAddress: {
    string: 'ip created updated user?',
    integer: 'alloc_type',
    nodeSummary: 'node_summary?',
  },
  usedRange: {
    string: 'start end',
    integer: 'num_addresses',
    'string[]': 'purpose',
  },
  user: {
    string: 'username email resource_uri',
    boolean: 'is_superuser is_local',
  },
  version: {
    string: 'version subversion',
    'string[]': 'capabilities',
  },
  vlan: {
    integer: 'id vid mtu fabric_id',
    string: 'description fabric space resource_uri dhcp_mode?',
    boolean: 'dhcp_on',
    'string|null': 'name external_dhcp primary_rack secondary_rack',
    null: 'relay_vlan',
  },
  wholeBootResource: {
    integer: 'id progress',
    string: 'name type architecture subarches label title resource_uri',
    boolean: 'complete',
    'imageImport|null': 'import',
    map: 'sets',
  },
  zone: {
    integer: 'id',
    string: 'name description resource_uri',
  },
} as const;

/** The objects that API 1.0 shows in another form. */
export const OLD_OBJECTS = {
  bootSelection: {
    string: 'os release resource_uri',
    'string[]': 'arches subarches labels',
    integer: 'id',
    'pin|null': 'pinned_by?',
  },
  bootSource: {
    string: 'url keyring_filename keyring_data resource_uri name? title? kind? index?',
    integer: 'id',
    boolean: 'unsigned?',
    'string|null': 'why?',
    'pin|null': 'pinned_by?',
  },
  enlistedMachine: {
    string: 'system_id hostname architecture substatus_name resource_uri',
    integer: 'status substatus',
  },
  ipAddress: {
    integer: 'alloc_type',
    string: 'created ip resource_uri mac? hostname? domain?',
  },
  machine: {
    string: `
      ${MACHINE_TEXTS}
      power_state_text hostname substatus_name substatus_message substatus_action boot_type resource_uri`,
    integer: 'cpu_count memory storage status substatus event_id?',
    boolean: 'netboot disable_ipv4 switches_itself_off?',
    'string|null': 'owner',
    'string[]': 'tag_names rack_names ip_addresses allocated_ip_addresses',
    'integer|null': 'power_state_age',
    null: 'swap_size',
    'blockDevice[]': 'physicalblockdevice_set virtualblockdevice_set',
    zone: 'zone',
    'any[]': 'routers',
    'macAddress[]': 'macaddress_set',
    macAddress: 'pxe_mac',
  },
} as const;
