/* agent_static: what libzmq.a of Debian calls and no static library of Debian offers, or no agent reaches: Kerberos (GSSAPI), and
 * the multicast transports NORM and PGM. Linked into static agents alone. hwnas opens ipc and tcp sockets without GSSAPI, so of all
 * these only pgm_init and pgm_shutdown are ever called, with a context. Whatever else were called ends the process. */
#include <stdlib.h>

#define AGENT_STATIC_UNREACHED(name)                                                                                               \
    void name(void);                                                                                                               \
    void name(void)                                                                                                                \
    {                                                                                                                              \
        abort();                                                                                                                   \
    }

/* Values that libzmq's NORM engine compares with. */
#define AGENT_STATIC_NONE(name)                                                                                                    \
    extern const void *const name;                                                                                                 \
    const void *const name = NULL;

/* Success: there is nothing to set up. */
int pgm_init(void **error);
int pgm_init(void **error)
{
    (void)error;
    return 1;
}

int pgm_shutdown(void);
int pgm_shutdown(void)
{
    return 1;
}

AGENT_STATIC_UNREACHED(GSS_C_NT_HOSTBASED_SERVICE)
AGENT_STATIC_UNREACHED(GSS_C_NT_USER_NAME)
AGENT_STATIC_UNREACHED(NormCreateInstance)
AGENT_STATIC_UNREACHED(NormCreateSession)
AGENT_STATIC_UNREACHED(NormDestroyInstance)
AGENT_STATIC_UNREACHED(NormDestroySession)
AGENT_STATIC_UNREACHED(NormGetDescriptor)
AGENT_STATIC_UNREACHED(NormGetNextEvent)
AGENT_STATIC_UNREACHED(NormGetRandomSessionId)
AGENT_STATIC_UNREACHED(NormIsUnicastAddress)
AGENT_STATIC_UNREACHED(NormNodeDelete)
AGENT_STATIC_UNREACHED(NormObjectGetType)
AGENT_STATIC_UNREACHED(NormObjectGetUserData)
AGENT_STATIC_UNREACHED(NormObjectSetUserData)
AGENT_STATIC_UNREACHED(NormSetCongestionControl)
AGENT_STATIC_UNREACHED(NormSetDefaultSyncPolicy)
AGENT_STATIC_UNREACHED(NormSetDefaultUnicastNack)
AGENT_STATIC_UNREACHED(NormSetLoopback)
AGENT_STATIC_UNREACHED(NormSetMulticastInterface)
AGENT_STATIC_UNREACHED(NormSetRxPortReuse)
AGENT_STATIC_UNREACHED(NormSetTTL)
AGENT_STATIC_UNREACHED(NormStartReceiver)
AGENT_STATIC_UNREACHED(NormStartSender)
AGENT_STATIC_UNREACHED(NormStopInstance)
AGENT_STATIC_UNREACHED(NormStopReceiver)
AGENT_STATIC_UNREACHED(NormStopSender)
AGENT_STATIC_UNREACHED(NormStreamFlush)
AGENT_STATIC_UNREACHED(NormStreamOpen)
AGENT_STATIC_UNREACHED(NormStreamRead)
AGENT_STATIC_UNREACHED(NormStreamSeekMsgStart)
AGENT_STATIC_UNREACHED(NormStreamWrite)
AGENT_STATIC_UNREACHED(gss_accept_sec_context)
AGENT_STATIC_UNREACHED(gss_acquire_cred)
AGENT_STATIC_UNREACHED(gss_delete_sec_context)
AGENT_STATIC_UNREACHED(gss_display_name)
AGENT_STATIC_UNREACHED(gss_import_name)
AGENT_STATIC_UNREACHED(gss_init_sec_context)
AGENT_STATIC_UNREACHED(gss_release_buffer)
AGENT_STATIC_UNREACHED(gss_release_cred)
AGENT_STATIC_UNREACHED(gss_release_name)
AGENT_STATIC_UNREACHED(gss_unwrap)
AGENT_STATIC_UNREACHED(gss_wrap)
AGENT_STATIC_UNREACHED(pgm_bind3)
AGENT_STATIC_UNREACHED(pgm_close)
AGENT_STATIC_UNREACHED(pgm_connect)
AGENT_STATIC_UNREACHED(pgm_error_free)
AGENT_STATIC_UNREACHED(pgm_free)
AGENT_STATIC_UNREACHED(pgm_freeaddrinfo)
AGENT_STATIC_UNREACHED(pgm_getaddrinfo)
AGENT_STATIC_UNREACHED(pgm_getsockopt)
AGENT_STATIC_UNREACHED(pgm_gsi_create_from_data)
AGENT_STATIC_UNREACHED(pgm_recvmsgv)
AGENT_STATIC_UNREACHED(pgm_send)
AGENT_STATIC_UNREACHED(pgm_setsockopt)
AGENT_STATIC_UNREACHED(pgm_socket)

AGENT_STATIC_NONE(NORM_INSTANCE_INVALID)
AGENT_STATIC_NONE(NORM_NODE_ANY)
AGENT_STATIC_NONE(NORM_OBJECT_INVALID)
AGENT_STATIC_NONE(NORM_SESSION_INVALID)
