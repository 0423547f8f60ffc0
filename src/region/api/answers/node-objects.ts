// The objects in the answers of the API that belong to machines, devices and racks.
// `answer-objects.ts` says how to read them.

/** Texts of a machine in both versions. */
export const MACHINE_TEXTS =
  'system_id architecture osystem distro_series hwe_kernel min_hwe_kernel power_type power_state power_task';

/** A rack or a region, as MAAS shows both. */
const CONTROLLER = {
  string: `
    description osystem distro_series power_type power_state status_action cpu_test_status_name
    memory_test_status_name network_test_status_name storage_test_status_name interface_test_status_name
    other_test_status_name commissioning_status_name testing_status_name system_id hostname fqdn
    node_type_name version resource_uri`,
  null: `
    architecture swap_size hwe_kernel hardware_info hardware_uuid current_commissioning_result_id
    current_testing_result_id current_installation_result_id`,
  integer: `
    cpu_count cpu_speed memory storage cpu_test_status memory_test_status network_test_status
    storage_test_status interface_test_status other_test_status commissioning_status testing_status node_type`,
  'any[]': 'tag_names',
  domain: 'domain',
  zone: 'zone',
  'string[]': 'ip_addresses',
  'interface[]': 'interface_set',
  'service[]': 'service_set',
} as const;

export const NODE_OBJECTS = {
  blockDevice: {
    integer: 'id size block_size available_size used_size numa_node',
    string: 'system_id name path resource_uri type used_for',
    'string|null': 'id_path model serial bus firmware_version uuid partition_table_type',
    'string[]': 'tags',
    'filesystem|null': 'filesystem',
    'partition[]': 'partitions',
    null: 'storage_pool',
  },
  conflict: {
    string: 'system_id other text',
  },
  defaultGateway: {
    'string|null': 'gateway_ip',
    'integer|null': 'link_id',
  },
  defaultGateways: {
    defaultGateway: 'ipv4 ipv6',
  },
  device: {
    string: 'system_id hostname fqdn description node_type_name resource_uri',
    domain: 'domain',
    integer: 'node_type',
    'string|null': 'parent owner',
    map: 'owner_data workload_annotations',
    null: 'address_ttl',
    zone: 'zone',
    pool: 'pool',
    'string[]': 'tag_names ip_addresses',
    'interface[]': 'interface_set',
  },
  download: {
    string: 'filename error reported',
    integer: 'bytes_downloaded',
    'integer|null': 'size',
  },
  enlistedMachine: {
    string: 'system_id hostname fqdn status_name architecture resource_uri',
    integer: 'status',
  },
  evidence: {
    string: 'kind value',
    boolean: 'is_shared is_portable is_vouched',
  },
  filesystem: {
    string: 'fstype label uuid',
    'string|null': 'mount_point mount_options',
  },
  hardwareAddress: {
    string: 'mac_address',
  },
  hardwareInfo: {
    string: `
      system_vendor system_product system_family system_version system_sku system_serial cpu_model
      mainboard_vendor mainboard_product mainboard_serial mainboard_version mainboard_firmware_vendor
      mainboard_firmware_version mainboard_firmware_date chassis_vendor chassis_type chassis_serial`,
  },
  hardwareParts: {
    'map[]': 'processors memory_banks',
    integer: 'memory_slots memory_max_mib',
    'map|null': 'bmc',
    string: 'virtualization',
    'boolean|null': 'secure_boot',
  },
  identity: {
    string: 'system_id',
    'string[]': 'home',
    boolean: 'is_vouched power_is_proposed',
    'evidence[]': 'evidence',
    'conflict[]': 'conflicts',
  },
  interface: {
    integer: 'id effective_mtu link_speed interface_speed numa_node sriov_max_vf',
    string: 'name type mac_address resource_uri',
    'string|null': 'system_id product driver',
    'string[]': 'parents children tags',
    'map|string': 'params',
    boolean: 'link_connected enabled',
    'vlan|null': 'vlan',
    'link[]': 'links',
    'seenAddress[]': 'discovered',
    null: 'vendor firmware_version',
  },
  link: {
    integer: 'id',
    string: 'mode ip_address?',
    subnet: 'subnet?',
  },
  login: {
    string: 'kind username',
    'string|null': 'ssh host_key',
    boolean: 'simulated',
    integer: 'keys',
    'integer|null': 'seconds_left',
  },
  macAddress: {
    string: 'mac_address resource_uri',
  },
  machine: {
    'integer|null': 'power_state_age work_age work_percent current_commissioning_result_id current_testing_result_id',
    string: `
      power_state_text ${MACHINE_TEXTS} hostname fqdn description status_name status_message status_message_code
      status_action work_text boot_profile error_description commissioning_status_name testing_status_name resource_uri
      node_type_name cpu_test_status_name memory_test_status_name network_test_status_name
      storage_test_status_name interface_test_status_name other_test_status_name`,
    integer: `
      cpu_count memory storage status cpu_speed commissioning_status testing_status node_type cpu_test_status
      memory_test_status network_test_status storage_test_status interface_test_status other_test_status
      event_id?`,
    boolean: 'netboot locked disable_ipv4 ephemeral_deploy enable_hw_sync switches_itself_off?',
    'string|null': 'owner bios_boot_method hardware_uuid',
    'string[]': 'tag_names rack_names ip_addresses allocated_ip_addresses',
    zone: 'zone',
    pool: 'pool',
    domain: 'domain',
    map: 'owner_data workload_annotations constraints_by_type',
    hardwareInfo: 'hardware_info',
    hardwareParts: 'hardware_parts',
    'volumeGroup[]': 'volume_groups',
    'raid[]': 'raids',
    defaultGateways: 'default_gateways',
    'hardwareAddress[]': 'macaddress_set',
    'interface[]': 'interface_set',
    'interface|null': 'boot_interface',
    'blockDevice[]': 'physicalblockdevice_set blockdevice_set virtualblockdevice_set',
    'blockDevice|null': 'boot_disk',
    null: 'swap_size parent pod virtualmachine_id current_installation_result_id address_ttl',
    'any[]': 'iscsiblockdevice_set cache_sets bcaches special_filesystems numanode_set',
  },
  machineKey: {
    string: 'token_key token_secret consumer_key',
  },
  partition: {
    integer: 'id device_id size',
    string: 'uuid type system_id path name used_for resource_uri',
    boolean: 'bootable',
    'string[]': 'tags',
    'filesystem|null': 'filesystem',
  },
  powerField: {
    string: 'name label field_type default scope',
    boolean: 'required secret',
    'any[]': 'choices',
  },
  powerState: {
    string: 'state text',
    'integer|null': 'age',
  },
  powerType: {
    string: 'driver_type name description',
    boolean: 'chassis can_probe queryable',
    'string[]': 'missing_packages',
    'powerField[]': 'fields',
  },
  rack: {
    string: 'uuid name cluster_name status_name version registered registered_from resource_uri',
    integer: 'status events_waiting events_dropped dead_letters',
    boolean: 'is_embedded is_away',
    'string|null': 'conflict network_conflict last_seen settings_refused',
    'integer|null': 'applied_version',
    'rackImage[]': 'images',
    'rackNetwork[]': 'interfaces',
    'download[]': 'downloads?',
  },
  rackController: CONTROLLER,
  rackImage: {
    string: 'os release architecture subarchitecture label serial path sha256 format',
    integer: 'bytes diskBytes',
    map: 'starts? system?',
    boolean: 'isCopy?',
  },
  rackImageName: {
    string: 'name architecture label',
    'string[]': 'subarches',
  },
  rackImages: {
    boolean: 'connected',
    'rackImageName[]': 'images',
    string: 'status',
  },
  rackInterface: {
    'string|null': 'ip interface ip_range_high ip_range_low static_ip_range_low static_ip_range_high',
    string: 'broadcast_ip name subnet_mask mode? foreign_dhcp_ip?',
    integer: 'management',
  },
  rackNetwork: {
    string: `
      name interface ip network ip_range_low ip_range_high static_ip_range_low static_ip_range_high router_ip
      shared? foreign_dhcp_ip? mode? domain?`,
    integer: 'management mtu?',
    'string[]': 'dns_servers?',
    'rackReservation[]': 'reservations?',
  },
  rackReservation: {
    string: 'mac ip hostname?',
  },
  raid: {
    integer: 'id size',
    string: 'uuid name level system_id human_size resource_uri',
    'diskPart[]': 'devices spare_devices',
    blockDevice: 'virtual_device',
  },
  regionController: CONTROLLER,
  registration: {
    string: 'uuid status text?',
  },
  result: {
    integer: 'id type status',
    string: 'system_id type_name status_name runtime resource_uri',
    'string|null': 'last_ping started ended',
    'scriptResult[]': 'results',
  },
  script: {
    integer: 'id type hardware_type parallel timeout_seconds position bytes',
    string: 'name title description type_name hardware_type_name parallel_name timeout resource_uri',
    'string[]': 'tags',
    map: 'results parameters packages',
    boolean: 'destructive default may_reboot recommission apply_configured_networking',
    'any[]': 'for_hardware',
    'scriptVersion[]': 'history',
  },
  scriptResult: {
    integer: 'id status timeout_seconds output_bytes',
    string: 'name kind status_name runtime estimated_runtime output? stdout? stderr? result?',
    'integer|null': 'exit_status',
    'string|null': 'started ended created updated',
    'number|null': 'starttime endtime',
    map: 'parameters',
    null: 'script_id script_revision_id interface physical_blockdevice',
    boolean: 'suppressed',
  },
  scriptVersion: {
    integer: 'id',
    string: 'comment created data?',
  },
  seenAddress: {
    string: 'ip_address',
    'subnet|null': 'subnet',
  },
  service: {
    string: 'name status status_info',
  },
  tag: {
    string: 'name comment definition kernel_opts resource_uri',
  },
  tagChange: {
    integer: 'added removed',
  },
  tagRebuild: {
    string: 'rebuilding',
  },
  volumeGroup: {
    integer: 'id size available_size used_size',
    string: 'uuid name system_id human_size human_used_size human_available_size resource_uri',
    'diskPart[]': 'devices',
    'blockDevice[]': 'logical_volumes',
  },
} as const;
