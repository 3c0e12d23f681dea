/** Where in the kernel the check is that tcp_tw_recycle turns on. */
export const PER_HOST = 'Linux up to 4.11 with tcp_tw_recycle=1, tcp_v4_conn_request and tcp_peer_is_proven';
