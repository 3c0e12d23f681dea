/** Where the kernel has the check that tcp_tw_recycle switches on. */
export const PER_HOST = 'Linux up to 4.11 with tcp_tw_recycle=1, tcp_v4_conn_request and tcp_peer_is_proven';
